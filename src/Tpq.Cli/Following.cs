namespace Tpq.Cli;

/// <summary>Gives messages to a command until Ctrl+C: what fails is tried again later, and in the end goes to the dead letter queue.</summary>
/// <param name="session">The database.</param>
/// <param name="queues">The most urgent first.</param>
/// <param name="handler">The command.</param>
/// <param name="options">How many at once, attempts and pauses.</param>
/// <param name="isLeased">Whether messages are leased, of one queue then.</param>
/// <param name="wait">It ends too when no message has come for so long.</param>
sealed class Following(Session session, IReadOnlyList<TpqQueue> queues, Handler handler, TpqConsumeOptions options, bool isLeased, TimeSpan wait)
{
    /// <summary>How long to wait for a Ctrl+C that the command has got already.</summary>
    static readonly TimeSpan SignalDelay = TimeSpan.FromMilliseconds(500);

    /// <summary>How often it is asked whether a consumer has looked at last.</summary>
    static readonly TimeSpan StateInterval = TimeSpan.FromMilliseconds(50);

    readonly Lock _gate = new();
    int _running;
    long _done;
    long _idleSince = TimeProvider.System.GetTimestamp();

    /// <summary>What no other message will fare better with: a command that cannot be started.</summary>
    CliException? _fatal;

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task watching = wait == Timeout.InfiniteTimeSpan ? Task.CompletedTask : StopWhenIdleAsync(stop);
        try
        {
            if (isLeased)
                await queues[0].ConsumeLeasedAsync((lease, _) => HandleAsync(lease.Message, stop), options, stop.Token);
            else
                await session.Client.ConsumeAsync(queues, (delivery, _) => HandleAsync(delivery.Message, stop), options, stop.Token);
        }
        finally
        {
            await stop.CancelAsync();
            await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        if (_fatal is not null)
            throw _fatal;
        cancellationToken.ThrowIfCancellationRequested();
        if (_done > 0)
            return ExitCode.Done;
        session.Say("Queue empty");
        return ExitCode.Empty;
    }

    async Task HandleAsync(TpqMessage message, CancellationTokenSource stop)
    {
        lock (_gate)
            _running++;
        try
        {
            int code = await handler.HandleAsync(message, CancellationToken.None);
            if (code == 0)
            {
                Interlocked.Increment(ref _done);
                return;
            }
            // Both get the terminal's Ctrl+C, and it may have ended the command before it is known here.
            if (code == ExitCode.Interrupted)
                await Task.Delay(SignalDelay, stop.Token);
            stop.Token.ThrowIfCancellationRequested();
            throw new CommandFailedException(code);
        }
        catch (CliException e)
        {
            _fatal = e;
            await stop.CancelAsync();
            // The message has done nothing wrong.
            throw new OperationCanceledException(e.Message, e, stop.Token);
        }
        finally
        {
            lock (_gate)
            {
                _running--;
                _idleSince = TimeProvider.System.GetTimestamp();
            }
        }
    }

    async Task StopWhenIdleAsync(CancellationTokenSource stop)
    {
        TimeSpan idle;
        while ((idle = Idle()) < wait || !queues.All(HasFoundNothing))
            await Task.Delay(wait - idle > StateInterval ? wait - idle : StateInterval, stop.Token);
        await stop.CancelAsync();
    }

    /// <summary>Not while it has not looked yet, or cannot: a slow start or an outage says nothing about the queue.</summary>
    static bool HasFoundNothing(TpqQueue queue) => queue.State.Sleepers.AnyAsleep || queue.State.Later.IsPaused;

    /// <summary>For how long no command has run; negative while one does.</summary>
    TimeSpan Idle()
    {
        lock (_gate)
            return _running > 0 ? TimeSpan.FromTicks(-1) : TimeProvider.System.GetElapsedTime(_idleSince);
    }
}
