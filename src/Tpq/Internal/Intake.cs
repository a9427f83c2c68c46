namespace Tpq.Internal;

/// <summary>Where a worker takes from: one queue, or the first of several that has something, asked in their order each time.</summary>
/// <remarks>With one queue a message comes with the commit of the one before. With several the queues before it have to be asked first, a round trip for each that is empty.</remarks>
sealed class Intake(TpqClient client, IReadOnlyList<TpqQueue> queues) : IDisposable
{
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    readonly Waiter[] _waiters = [.. queues.Select(queue => new Waiter(client, queue.State, obeysPause: true))];

    public async ValueTask<TpqDelivery> NextAsync(OwnTransaction? previous, CancellationToken stop) => queues.Count == 1
        ? await queues[0].NextAsync(previous, _waiters[0], stop).ConfigureAwait(false)
        : await FirstAsync(stop).ConfigureAwait(false);

    public void Dispose()
    {
        foreach (Waiter waiter in _waiters)
            waiter.Dispose();
    }

    async Task<TpqDelivery> FirstAsync(CancellationToken stop)
    {
        while (true)
        {
            stop.ThrowIfCancellationRequested();
            try
            {
                for (int i = 0; i < queues.Count; i++)
                {
                    if (await queues[i].LookAsync(_waiters[i], stop).ConfigureAwait(false) is not { } delivery)
                        continue;
                    // A ring for another queue was meant for somebody who has time.
                    foreach (Waiter waiter in _waiters)
                        waiter.PassOn();
                    return delivery;
                }
                await SleepAsync(stop).ConfigureAwait(false);
            }
            catch (Exception e) when (client.HasReachedDatabase && Fault.IsPassing(e) && !stop.IsCancellationRequested)
            {
                client.TellOfFault(e, queues[0].Name);
                await Task.Delay(Pause, client.Time, stop).ConfigureAwait(false);
            }
        }
    }

    async Task SleepAsync(CancellationToken stop)
    {
        using var awake = CancellationTokenSource.CreateLinkedTokenSource(stop, client.Stopping);
        Task[] sleeps = [.. _waiters.Select(waiter => waiter.SleepAsync(TimeSpan.MaxValue, awake.Token))];
        await Task.WhenAny(sleeps).ConfigureAwait(false);
        await awake.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(sleeps).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        client.ThrowIfDisposed();
    }
}
