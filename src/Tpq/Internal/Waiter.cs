using System.Diagnostics;

namespace Tpq.Internal;

/// <summary>Looks, and looks again when something may have changed, until there is a message or the time is up.</summary>
/// <remarks>
/// Rings only say that a look is worth while; what is there is found by looking. Where nobody rings it looks once a second, elsewhere the
/// listener makes <see cref="Rounds"/>; and it looks at the deadline, so <see langword="null"/> means that the queue was empty then. A subscription is made at the
/// first wait and kept: one waiter may wait often.
/// </remarks>
/// <param name="client">The client.</param>
/// <param name="queue">The queue.</param>
/// <param name="hearsRings">Not where the looks have an old snapshot: a ring would be wasted on them.</param>
/// <param name="obeysPause">Whether it does not look while the queue is paused.</param>
sealed class Waiter(TpqClient client, QueueState queue, bool hearsRings = true, bool obeysPause = false) : IDisposable
{
    /// <summary>The longest time between two looks where nobody tells of puts.</summary>
    static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);

    /// <summary>When the last look began, as a timestamp of <see cref="Stopwatch"/>.</summary>
    public long LookBegan { get; private set; }

    /// <summary>Whether it is not to look just now.</summary>
    public bool IsPaused => obeysPause && queue.Later.IsPaused;

    Subscription? _subscription;
    bool _sleepsFirst;

    /// <param name="look">Takes what is there, or returns null; the last time, only if there is nothing.</param>
    /// <param name="firstId">The first message of what a look has taken.</param>
    /// <param name="wait">Zero: one look. Infinite: until there is something.</param>
    /// <param name="survive">
    /// Whether a lost connection is only a reason to wait: so it is on connections of our own, once the database has been reached.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<T?> WaitAsync<T>(
        Func<bool, CancellationToken, Task<T?>> look, Func<T, long> firstId, TimeSpan wait, bool survive, CancellationToken cancellationToken)
        where T : class
    {
        if (wait < TimeSpan.Zero && wait != Timeout.InfiniteTimeSpan)
            throw new ArgumentOutOfRangeException(nameof(wait), wait,
                "A wait is not negative: TimeSpan.Zero does not wait (the command's --wait=-1), Timeout.InfiniteTimeSpan waits for ever (--wait=0).");
        client.ThrowIfDisposed();
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, client.Stopping);
        try
        {
            return await LoopAsync(look, firstId, wait, survive, linked.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested && client.Stopping.IsCancellationRequested)
        {
            throw new ObjectDisposedException(nameof(TpqClient), "The client was disposed while this call waited for a message.");
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(e.Message, e, cancellationToken);
        }
    }

    /// <summary>A look of somebody else's, begun after the last wait, has found this message, or none. After an empty one the next wait sleeps first.</summary>
    public void Looked(long? found)
    {
        queue.Later.Touch();
        _subscription?.Looked(found);
        _sleepsFirst = found is null && _subscription is not null && queue.Head.IsPlain;
    }

    /// <summary>One look, which need not be to the end. For who sleeps by himself.</summary>
    public async Task<T?> LookAsync<T>(Func<bool, CancellationToken, Task<T?>> look, Func<T, long> firstId, CancellationToken cancellationToken)
        where T : class
    {
        queue.Later.Touch();
        if (IsPaused)
            return null;
        long began = Stopwatch.GetTimestamp();
        T? found = await look(false, cancellationToken).ConfigureAwait(false);
        client.LookSucceeded(began);
        _subscription?.Looked(found is null ? null : firstId(found));
        return found;
    }

    /// <summary>A ring upon which nobody will look soon is for somebody else.</summary>
    public void PassOn() => _subscription?.PassOn();

    public void Dispose() => _subscription?.Dispose();

    async Task<T?> LoopAsync<T>(
        Func<bool, CancellationToken, Task<T?>> look, Func<T, long> firstId, TimeSpan wait, bool survive, CancellationToken cancellationToken)
        where T : class
    {
        long start = client.Time.GetTimestamp();
        TimeSpan pause = TimeSpan.Zero;
        // Who looks in a transaction of the caller's may hold the only connection.
        bool hasBrought = !hearsRings || !survive && client.MaxPoolSize == 1;
        while (true)
        {
            TimeSpan left = wait == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : wait - client.Time.GetElapsedTime(start);
            try
            {
                if (_sleepsFirst)
                {
                    _sleepsFirst = false;
                    await SleepAsync(left, cancellationToken).ConfigureAwait(false);
                    continue;
                }
                if (IsPaused)
                {
                    Subscribe();
                    await queue.Later.ResumedAsync(cancellationToken).ConfigureAwait(false);
                }
                queue.Later.Touch();
                LookBegan = Stopwatch.GetTimestamp();
                T? found = await look(left <= TimeSpan.Zero, cancellationToken).ConfigureAwait(false);
                client.LookSucceeded(LookBegan);
                pause = TimeSpan.Zero;
                _subscription?.Looked(found is null ? null : firstId(found));
                if (found is not null)
                    return found;
                if (left <= TimeSpan.Zero)
                {
                    // Empty, but for what is due and nobody has moved yet.
                    if (hasBrought || await queue.Later.BringAsync(cancellationToken).ConfigureAwait(false) == 0)
                        return null;
                    hasBrought = true;
                    continue;
                }
                await SleepAsync(left, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (survive && left > TimeSpan.Zero && client.HasReachedDatabase && Fault.IsPassing(e) && !cancellationToken.IsCancellationRequested)
            {
                client.TellOfFault(e, queue.Name.Queue);
                pause = pause == TimeSpan.Zero ? FirstPause : Min(pause * 2, PollInterval);
                await Task.Delay(Min(left, pause), client.Time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Returns when a look is worth while, or the time is up.</summary>
    public async Task SleepAsync(TimeSpan left, CancellationToken cancellationToken)
    {
        if (!hearsRings)
        {
            await Task.Delay(Min(left, PollInterval), client.Time, cancellationToken).ConfigureAwait(false);
            return;
        }
        Subscribe();
        TimeSpan interval = queue.Sleepers.AreServed || !client.LooksByClock ? TimeSpan.MaxValue : PollInterval;
        Task sleep = _subscription!.WaitAsync(Min(left, interval), cancellationToken);
        queue.Later.Watch();
        await sleep.ConfigureAwait(false);
    }

    void Subscribe() => _subscription ??= new Subscription(client.Listener, queue, client.Time);

    static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
