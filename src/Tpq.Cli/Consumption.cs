using Tpq.Internal;

namespace Tpq.Cli;

/// <summary>
/// Takes messages and removes them when the handler is done with them: for a command one by one, else, where more than one is wanted, many at
/// once.
/// </summary>
/// <param name="session">The database, and where to say what fails.</param>
/// <param name="taker">Where they come from.</param>
/// <param name="handler">What becomes of a message.</param>
/// <param name="count">How many at most; null for no end, in which case a commit that fails is tried again, and which is not for a command: see <see cref="Following"/>.</param>
sealed class Consumption(Session session, Taker taker, Handler handler, int? count)
{
    const int LargestBatch = 100;

    /// <summary>A batch is in memory. It begins small and grows as long as it has no more bytes than this.</summary>
    const long EnoughBytes = 1024 * 1024;

    static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1), LongestPause = TimeSpan.FromMinutes(1);

    /// <summary>How long to wait for a Ctrl+C that the command has got already.</summary>
    static readonly TimeSpan SignalDelay = TimeSpan.FromMilliseconds(500);

    TimeSpan _pause = FirstPause;
    int _size = 1;

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        bool singly = handler.IsCommand || count == 1;
        long taken = 0;
        while (count is null || taken < count)
        {
            int? removed = singly ? await HandleOneAsync(cancellationToken)
                : await WriteManyAsync((int)Math.Min(_size, count - taken ?? _size), cancellationToken);
            if (removed is null)
                break;
            taken += removed.Value;
        }
        if (taken > 0)
            return ExitCode.Done;
        session.Say("Queue empty");
        return ExitCode.Empty;
    }

    /// <returns>How many messages are removed; null where there was none.</returns>
    async Task<int?> HandleOneAsync(CancellationToken cancellationToken)
    {
        await using TpqDelivery? delivery = await taker.TakeAsync(
            static (queue, wait, token) => queue.GetAsync(wait, token), cancellationToken);
        if (delivery is null)
            return null;
        int code = await handler.HandleAsync(delivery.Message, cancellationToken);
        if (code == 0)
            return await CommitAsync(delivery.CommitAsync, 1, delivery.Message, delivery.Message, cancellationToken);
        await delivery.DisposeAsync();
        // Both get the terminal's Ctrl+C, and it may have ended the command before it is known here.
        if (code == ExitCode.Interrupted)
            await Task.Delay(SignalDelay, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        throw new CliException(
            $"The command failed with exit code {code}; message {delivery.Message.Id} is back in queue {Display.Quote(delivery.Message.Queue)}.", ExitCode.ConsumerFailed);
    }

    /// <returns>How many messages are removed: none where it failed and is to be tried again; null where there was none.</returns>
    async Task<int?> WriteManyAsync(int max, CancellationToken cancellationToken)
    {
        await using TpqBatch? batch = await taker.TakeAsync(
            (queue, wait, token) => queue.GetManyAsync(max, wait, token), cancellationToken);
        if (batch is null)
            return null;
        await handler.WriteAsync(batch, cancellationToken);
        long bytes = batch.Sum(message => (long)message.Utf8Json.Length);
        _size = (int)Math.Clamp(batch.Count * EnoughBytes / bytes, 1, Math.Min(2 * _size, LargestBatch));
        return await CommitAsync(batch.CommitAsync, batch.Count, batch[0], batch[^1], cancellationToken);
    }

    async Task<int> CommitAsync(
        Func<CancellationToken, Task> commit, int number, TpqMessage first, TpqMessage last, CancellationToken cancellationToken)
    {
        try
        {
            // Not cancelled: they are handed over, and would come a second time.
            await commit(CancellationToken.None);
            _pause = FirstPause;
            return number;
        }
        catch (Exception e) when (e is TpqException || Fault.IsConnectionLoss(e))
        {
            string failure = NotRemoved(e, first, last);
            if (count is not null)
                throw new CliException($"{failure}.", ExitCode.Unusable, e);
            await PauseAsync(failure, cancellationToken);
            return 0;
        }
    }

    static string NotRemoved(Exception error, TpqMessage first, TpqMessage last)
    {
        string queue = $"queue {Display.Quote(first.Queue)}";
        (string what, string are) = first.Id == last.Id ? ($"message {first.Id}", "is") : ($"messages {first.Id} to {last.Id}", "are");
        return error switch
        {
            TpqException => $"Could not remove {what} from {queue}: {Display.Continue(error.Message).TrimEnd('.')}",
            // The server answered instead of committing.
            Npgsql.PostgresException => $"The connection was lost; {what} {are} back in {queue}",
            _ => $"The connection was lost while {what} of {queue} {(are == "is" ? "was" : "were")} being removed, and {are} removed or back",
        };
    }

    async Task PauseAsync(string failure, CancellationToken cancellationToken)
    {
        await Console.Error.WriteLineAsync($"{failure}; going on in {_pause.TotalSeconds:0} s.");
        await Task.Delay(_pause, cancellationToken);
        _pause = _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
    }
}
