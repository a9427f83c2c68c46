using Tpq.Internal.Telemetry;

namespace Tpq.Internal;

/// <summary>
/// One worker behind <see cref="TpqQueue.ConsumeBatchesAsync"/>. A batch that fails is undone as a whole, and nobody knows which of its messages it was: so they are handled one by one after that, as
/// a consumer of single messages does, and only what fails by itself is counted.
/// </summary>
sealed class BatchConsumer(TpqQueue queue, int max, Func<TpqBatch, CancellationToken, Task> handler, TpqConsumeOptions options)
{
    readonly TpqClient _client = queue.Client;
    readonly Failures _failures = new(queue.Client, options);

    /// <summary>How many messages are still to be handled by themselves.</summary>
    int _singly;

    public async Task RunAsync(CancellationToken stop, CancellationToken graceIsOver)
    {
        using var waiter = new Waiter(_client, queue.State, obeysPause: true);
        using var clock = new HandlerClock(_client, options.HandlerTimeout, graceIsOver);
        using var singles = new Consumer(_client, [queue], (delivery, token) => handler(new TpqBatch(delivery.Held, [delivery.Message]), token), options, takesNext: false);
        OwnTransaction? last = null;
        try
        {
            while (!stop.IsCancellationRequested)
            {
                if (_singly > 0)
                {
                    _singly--;
                    await singles.StepAsync(clock, stop).ConfigureAwait(false);
                    continue;
                }
                TpqBatch batch = await queue.NextBatchAsync(last, waiter, max, stop).ConfigureAwait(false);
                last = batch.Held;
                if (batch.Count == 1)
                {
                    await singles.HandleAsync(new TpqDelivery(batch.Held, batch[0]), clock, stop).ConfigureAwait(false);
                    continue;
                }
                await using (batch.ConfigureAwait(false))
                    await HandleAsync(batch, clock, stop).ConfigureAwait(false);
                await _failures.PauseAsync(stop).ConfigureAwait(false);
            }
        }
        finally
        {
            if (last is not null)
                await last.GiveBackAsync().ConfigureAwait(false);
        }
    }

    async Task HandleAsync(TpqBatch batch, HandlerClock clock, CancellationToken stop)
    {
        if (batch.Any(m => m.IsSuspect || _failures.HasHadItsAttempts(m)))
        {
            _singly = batch.Count;
            return;
        }
        using Operation? process = Operation.BeginProcess(queue.State, batch);
        try
        {
            await handler(batch, clock.Start()).ConfigureAwait(false);
            clock.Stop();
            if (!batch.Held.HasEnded)
            {
                batch.Held.TakeNext(max, stop);
                await batch.CommitAsync(CancellationToken.None).ConfigureAwait(false);
            }
            else if (!batch.Held.IsSettled && await queue.State.IsThereAsync(_client, batch[0].Id).ConfigureAwait(false))
            {
                _failures.GaveBack(queue.Name, batch[0].Id);
                return;
            }
            process?.Succeeded();
            _failures.Forget();
        }
        catch (Exception e)
        {
            clock.Stop();
            process?.Failed(e);
            Fail(batch, Failures.Readable(e), clock, stop);
        }
    }

    void Fail(TpqBatch batch, Exception error, HandlerClock clock, CancellationToken stop)
    {
        if (batch.Held.IsSettled)
            _client.Logger.FailedWhenSettled(error, queue.Name, batch[0].Id);
        // Stopping is not an attempt.
        else if (clock.IsGraceOver || (stop.IsCancellationRequested && error is OperationCanceledException))
            return;
        else if (batch.Held.IsLost)
            _failures.LostConnection(error, queue.Name, batch[0].Id);
        else
        {
            _singly = batch.Count;
            _client.Logger.BatchFailed(error, queue.Name, batch[0].Id, batch[^1].Id, batch.Count);
        }
    }
}
