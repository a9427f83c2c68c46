namespace Tpq.Cli;

/// <summary>Puts the lines of an input, in one transaction or in one for each batch of lines.</summary>
/// <param name="queue">Where they go.</param>
/// <param name="lines">Where they come from.</param>
/// <param name="batch">How many are put in one transaction; null for all.</param>
/// <param name="create">Whether to create the queue, if it is missing, before the first message that is one.</param>
/// <param name="delay">How long each message is not ready after it was put; null for not at all.</param>
sealed class LinesPut(TpqQueue queue, JsonLines lines, int? batch, bool create, TimeSpan? delay = null)
{
    IReadOnlyDictionary<string, string>? _headers;

    /// <summary>How many messages are put for good.</summary>
    public long Committed { get; private set; }

    /// <summary>How many messages have been sent, some of which may not be committed yet.</summary>
    public long Sent { get; private set; }

    /// <exception cref="CliException">A line is not a JSON value.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using IAsyncEnumerator<ReadOnlyMemory<byte>> all = lines.ReadAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        try
        {
            bool isThere = await all.MoveNextAsync();
            if (isThere)
                new TpqPut(all.Current).ToUtf8();
            if (create)
                await queue.CreateAsync(cancellationToken: cancellationToken);
            _headers = await Trace.HeadersAsync(queue, cancellationToken);
            for (; isThere; isThere = await all.MoveNextAsync())
                Committed += await queue.PutManyAsync(NextBatchAsync(all), cancellationToken);
        }
        catch (TpqInvalidJsonException e)
        {
            throw new CliException(
                $"Line {Display.Count(lines.Number)}: not a JSON value: {e.Reason} (column {Display.Count(e.Column)}). {HowFar}", ExitCode.Usage, e);
        }
    }

    /// <summary>What is in the queue when it ends before its time.</summary>
    public string HowFar => Committed == 0
        ? "Nothing was put."
        : $"{Display.Messages(Committed)} of the lines before it {(Committed == 1 ? "was" : "were")} put.";

    /// <summary>The line at which the enumerator stands, and as many more as make a batch.</summary>
    async IAsyncEnumerable<TpqPut> NextBatchAsync(IAsyncEnumerator<ReadOnlyMemory<byte>> all)
    {
        long taken = 0;
        do
        {
            yield return new TpqPut(all.Current) { Delay = delay, Headers = _headers };
            Sent++;
        }
        while (++taken != batch && await all.MoveNextAsync());
    }
}
