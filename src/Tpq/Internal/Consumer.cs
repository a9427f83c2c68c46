using System.Runtime.CompilerServices;

namespace Tpq.Internal;

/// <summary>The loop behind <see cref="TpqQueue.ConsumeAsync"/>.</summary>
/// <remarks>
/// A failed message is back in the queue at its old place, so the next take gets it again: without a pause, one poison message would keep a
/// core of this side and one of the server's busy.
/// </remarks>
sealed class Consumer(TpqQueue queue, QueueState state, Func<TpqDelivery, CancellationToken, Task> handler, TpqConsumeOptions options)
{
    readonly TpqClient _client = queue.Client;
    readonly TimeSpan _backoff = options.Backoff, _maxBackoff = options.MaxBackoff, _grace = options.Grace;
    TimeSpan _pause;

    public async Task RunAsync(CancellationToken stop)
    {
        using var waiter = new Waiter(_client, state);
        using var handlers = new CancellationTokenSource();
        // The clock of the grace starts with the stop.
        using CancellationTokenRegistration registration = stop.UnsafeRegister(_ => handlers.CancelAfter(_grace), null);
        using IDisposable counted = _client.CountConsumer();
        _client.Logger.ConsumerStarted(queue.Name);
        TpqDelivery? delivery = null;
        try
        {
            while (!stop.IsCancellationRequested)
            {
                delivery = await queue.NextAsync(delivery, waiter, stop).ConfigureAwait(false);
                await HandleAsync(delivery, stop, handlers.Token).ConfigureAwait(false);
                if (_pause > TimeSpan.Zero)
                    await Task.Delay(_pause, _client.Time, stop).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Stopped while waiting or pausing.
        }
        finally
        {
            await TpqQueue.GiveBackAsync(delivery).ConfigureAwait(false);
        }
        _client.Logger.ConsumerStopped(queue.Name);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    async ValueTask HandleAsync(TpqDelivery delivery, CancellationToken stop, CancellationToken cancellationToken)
    {
        await using var _ = delivery.ConfigureAwait(false);
        try
        {
            await handler(delivery, cancellationToken).ConfigureAwait(false);
            if (!delivery.HasEnded)
            {
                // Not where the handler commits by itself: it may go on for long, and the next message with it.
                delivery.Held.TakesNext = !stop.IsCancellationRequested;
                await delivery.CommitAsync(CancellationToken.None).ConfigureAwait(false);
            }
            // A handler may end its delivery itself, and in more ways than by a commit; the queue knows which it was.
            else if (await queue.IsThereAsync(delivery.Message.Id).ConfigureAwait(false))
            {
                Lengthen();
                _client.Logger.HandlerGaveBack(queue.Name, delivery.Message.Id, _pause);
                return;
            }
            _pause = TimeSpan.Zero;
        }
        catch (Exception e)
        {
            // Given back before the pause, not after it.
            await delivery.DisposeAsync().ConfigureAwait(false);
            if (e is OperationCanceledException && cancellationToken.IsCancellationRequested)
                return;
            Lengthen();
            _client.Logger.HandlerFailed(e, queue.Name, delivery.Message.Id, _pause);
        }
    }

    void Lengthen()
    {
        TimeSpan next = _pause == TimeSpan.Zero ? _backoff : _pause * 2;
        _pause = next < _maxBackoff ? next : _maxBackoff;
    }
}
