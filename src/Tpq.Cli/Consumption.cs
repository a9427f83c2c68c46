namespace Tpq.Cli;

/// <summary>Takes messages one after the other; each is removed when its handler is done with it.</summary>
/// <param name="session">The database, and where to say what fails.</param>
/// <param name="queues">In the order in which they are tried.</param>
/// <param name="handler">What becomes of a message.</param>
/// <param name="wait">How long to wait for each.</param>
/// <param name="count">How many at most; null for no end, in which case a command that fails is tried again.</param>
sealed class Consumption(Session session, IReadOnlyList<TpqQueue> queues, Handler handler, TimeSpan wait, int? count)
{
    /// <summary>Several queues are looked at in turn, this often: a wait for the first would not see the others.</summary>
    static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(250);

    static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1), LongestPause = TimeSpan.FromMinutes(1);

    TimeSpan _pause = FirstPause;

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        long taken = 0;
        while (count is null || taken < count)
        {
            await using TpqDelivery? delivery = await TakeAsync(cancellationToken);
            if (delivery is null)
                break;
            int code = await handler.HandleAsync(delivery.Message, cancellationToken);
            if (code == 0)
            {
                // Not cancelled: it is handed over, and would come a second time.
                await delivery.CommitAsync(CancellationToken.None);
                _pause = FirstPause;
                taken++;
                continue;
            }
            await delivery.DisposeAsync();
            cancellationToken.ThrowIfCancellationRequested();
            string back = $"message {delivery.Message.Id} is back in queue {Display.Quote(delivery.Message.Queue)}";
            string failure = $"The command failed with exit code {code}; {back}";
            if (count is not null)
                throw new CliException($"{failure}.", code == ExitCode.Interrupted ? code : ExitCode.ConsumerFailed);
            await PauseAsync(failure, cancellationToken);
        }
        if (taken > 0)
            return ExitCode.Done;
        session.Say("Queue empty");
        return ExitCode.Empty;
    }

    async Task PauseAsync(string failure, CancellationToken cancellationToken)
    {
        await Console.Error.WriteLineAsync($"{failure}; going on in {_pause.TotalSeconds:0} s.");
        await Task.Delay(_pause, cancellationToken);
        _pause = _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
    }

    async Task<TpqDelivery?> TakeAsync(CancellationToken cancellationToken)
    {
        if (queues.Count == 1)
            return await queues[0].GetAsync(wait, cancellationToken);
        long start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            TimeSpan left = wait == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : wait - TimeProvider.System.GetElapsedTime(start);
            foreach (TpqQueue queue in queues)
            {
                if (await queue.GetAsync(cancellationToken: cancellationToken) is { } delivery)
                    return delivery;
            }
            if (left <= TimeSpan.Zero)
                return null;
            await Task.Delay(left < LookInterval ? left : LookInterval, cancellationToken);
        }
    }
}
