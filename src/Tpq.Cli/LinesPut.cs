using System.Runtime.CompilerServices;

namespace Tpq.Cli;

/// <summary>Puts the lines of an input, in one transaction or in one for each batch of lines.</summary>
sealed class LinesPut(TpqQueue queue, JsonLines lines, int? batch)
{
    /// <summary>How many messages are put for good.</summary>
    public long Committed { get; private set; }

    /// <summary>How many messages have been sent, some of which may not be committed yet.</summary>
    public long Sent { get; private set; }

    /// <exception cref="CliException">A line is not a JSON value.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using IAsyncEnumerator<TpqPut> all = lines.ReadAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        try
        {
            bool more = await all.MoveNextAsync();
            while (more)
            {
                Committed += await queue.PutManyAsync(NextBatchAsync(all, () => more = false, cancellationToken), cancellationToken);
            }
        }
        catch (TpqInvalidJsonException e)
        {
            throw new CliException(
                $"Line {Display.Count(lines.Number)}: not a JSON value: {e.Reason} (column {Display.Count(e.Column)}). {HowFar}", ExitCode.Usage, e);
        }
    }

    string HowFar => Committed == 0
        ? "Nothing was put."
        : $"{Display.Messages(Committed)} of the lines before it {(Committed == 1 ? "was" : "were")} put.";

    /// <summary>The line at which the enumerator stands, and as many more as make a batch.</summary>
    async IAsyncEnumerable<TpqPut> NextBatchAsync(
        IAsyncEnumerator<TpqPut> all, Action onEnd, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        int left = batch ?? int.MaxValue;
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return all.Current;
            Sent++;
            if (!await all.MoveNextAsync())
            {
                onEnd();
                yield break;
            }
        }
        while (batch is null || --left > 0);
    }
}
