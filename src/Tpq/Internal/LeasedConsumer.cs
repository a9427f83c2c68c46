using Tpq.Internal.Telemetry;

namespace Tpq.Internal;

/// <summary>What is behind <see cref="TpqQueue.ConsumeLeasedAsync"/>: one takes, as many as there is room for, and many handle.</summary>
sealed class LeasedConsumer(TpqQueue queue, Func<TpqLease, CancellationToken, Task> handler, TpqConsumeOptions options)
{
    /// <summary>So many at most in one statement.</summary>
    const int LargestClaim = 100;

    readonly TpqClient _client = queue.Client;
    readonly Failures _failures = new(queue.Client, options);

    public async Task RunAsync(CancellationToken stop, CancellationToken graceIsOver)
    {
        using var waiter = new Waiter(_client, queue.State, obeysPause: true);
        using var room = new SemaphoreSlim(options.Concurrency);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(graceIsOver);
        var handling = new HashSet<Task>();
        try
        {
            while (!stop.IsCancellationRequested)
            {
                await _failures.PauseAsync(stop).ConfigureAwait(false);
                int free = await RoomAsync(room, stop).ConfigureAwait(false);
                TpqLeaseBatch? batch = null;
                try
                {
                    batch = await queue.LeaseAsync(waiter, free, options.LeaseDuration, Timeout.InfiniteTimeSpan, stop).ConfigureAwait(false);
                }
                finally
                {
                    if (free > (batch?.Count ?? 0))
                        room.Release(free - (batch?.Count ?? 0));
                }
                foreach (Task done in handling.Where(static t => t.IsCompleted).ToArray())
                {
                    handling.Remove(done);
                    await done.ConfigureAwait(false);
                }
                foreach (TpqLease lease in batch!)
                    handling.Add(HandleInRoomAsync(lease, room, stop, end.Token));
            }
        }
        catch when (!stop.IsCancellationRequested)
        {
            // What cannot be gone on with is told soon, not when the last handler pleases.
            end.CancelAfter(options.Grace);
            throw;
        }
        finally
        {
            await Task.WhenAll(handling).ConfigureAwait(false);
        }
    }

    /// <summary>Waits for room for one, and takes what more there is.</summary>
    static async Task<int> RoomAsync(SemaphoreSlim room, CancellationToken stop)
    {
        await room.WaitAsync(stop).ConfigureAwait(false);
        int free = 1;
        while (free < LargestClaim && room.Wait(0, CancellationToken.None))
            free++;
        return free;
    }

    async Task HandleInRoomAsync(TpqLease lease, SemaphoreSlim room, CancellationToken stop, CancellationToken graceIsOver)
    {
        // The next one is taken before this one has begun.
        await Task.Yield();
        try
        {
            await using (lease.ConfigureAwait(false))
                await HandleAsync(lease, stop, graceIsOver).ConfigureAwait(false);
        }
        finally
        {
            room.Release();
        }
    }

    async Task HandleAsync(TpqLease lease, CancellationToken stop, CancellationToken graceIsOver)
    {
        if (_failures.HasHadItsAttempts(lease.Message))
        {
            await _failures.SettleDoomedAsync(lease.Message, (delay, error) => SettleAsync(lease, l => l.RetryAsync(delay, error)),
                error => DieAsync(lease, error, lease.Message.Attempts)).ConfigureAwait(false);
            return;
        }
        using var time = new CancellationTokenSource(options.HandlerTimeout, _client.Time);
        using var end = new CancellationTokenSource();
        using CancellationTokenRegistration atTheEnd = HandlerClock.Cancel(end, graceIsOver), whenLost = HandlerClock.Cancel(end, lease.Lost), inTime = HandlerClock.Cancel(end, time.Token);
        using Operation? process = Operation.BeginProcess(queue.State, lease.Message);
        try
        {
            await handler(lease, end.Token).ConfigureAwait(false);
            if (!lease.Hold.IsSettled)
                await lease.CompleteAsync(CancellationToken.None).ConfigureAwait(false);
            process?.Succeeded();
            _failures.Forget();
        }
        catch (Exception thrown)
        {
            process?.Failed(thrown);
            Exception e = Failures.Readable(thrown);
            await FailAsync(lease, e, time.IsCancellationRequested, isStopped: graceIsOver.IsCancellationRequested || (stop.IsCancellationRequested && e is OperationCanceledException)).ConfigureAwait(false);
        }
    }

    async Task FailAsync(TpqLease lease, Exception error, bool isTimeOver, bool isStopped)
    {
        // The caller's transaction, in which it was completed, has come to nothing.
        if (lease.Hold.IsSettled)
            await queue.State.Leases.TakeBackAsync(lease.Hold).ConfigureAwait(false);
        if (lease.Hold.IsLost)
            _client.Logger.LeaseLost(queue.Name, lease.Message.Id);
        else if (lease.Hold.IsSettled)
            _client.Logger.FailedWhenSettled(error, queue.Name, lease.Message.Id);
        // Stopping is not an attempt.
        else if (!isStopped)
            await _failures.SettleAsync(lease.Message, error, isTimeOver && error is OperationCanceledException, (delay, reason) => SettleAsync(lease, l => l.RetryAsync(delay, reason)),
                reason => DieAsync(lease, reason, lease.Message.Attempts + 1)).ConfigureAwait(false);
    }

    Task<bool> DieAsync(TpqLease lease, string error, int attempts) =>
        SettleAsync(lease, l => queue.State.Leases.DeadLetterAsync(l.Hold, attempts, error, CancellationToken.None));

    async Task<bool> SettleAsync(TpqLease lease, Func<TpqLease, Task> settle)
    {
        try
        {
            await settle(lease).ConfigureAwait(false);
            return true;
        }
        catch (TpqLeaseLostException)
        {
            // The loss is the failure, and is counted by whoever moves it back.
            _client.Logger.LeaseLost(queue.Name, lease.Message.Id);
            return false;
        }
    }
}
