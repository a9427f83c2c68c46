using System.Runtime.CompilerServices;

namespace Tpq.Internal;

/// <summary>One worker behind <see cref="TpqQueue.ConsumeAsync"/>: takes, handles, settles.</summary>
sealed class Consumer(TpqQueue queue, QueueState state, Func<TpqDelivery, CancellationToken, Task> handler, TpqConsumeOptions options)
{
    readonly TpqClient _client = queue.Client;
    readonly Failures _failures = new(queue.Client, queue.Name, options);

    public async Task RunAsync(CancellationToken stop, CancellationToken graceIsOver)
    {
        using var waiter = new Waiter(_client, state, obeysPause: true);
        using var clock = new HandlerClock(_client, options.HandlerTimeout, graceIsOver);
        TpqDelivery? delivery = null;
        try
        {
            while (!stop.IsCancellationRequested)
            {
                if (state.Later.IsPaused)
                {
                    await TpqQueue.GiveBackAsync(delivery).ConfigureAwait(false);
                    delivery = null;
                }
                delivery = await queue.NextAsync(delivery, waiter, stop).ConfigureAwait(false);
                if (delivery.Message.IsSuspect || _failures.HasHadItsAttempts(delivery.Message))
                    delivery = await LookTwiceAsync(delivery).ConfigureAwait(false);
                if (delivery is not null)
                    await HandleAsync(delivery, clock, stop).ConfigureAwait(false);
                await _failures.PauseAsync(stop).ConfigureAwait(false);
            }
        }
        finally
        {
            await TpqQueue.GiveBackAsync(delivery).ConfigureAwait(false);
        }
    }

    /// <returns>What is to be handled; null where it was settled, or somebody else has it.</returns>
    async Task<TpqDelivery?> LookTwiceAsync(TpqDelivery delivery)
    {
        await using var _ = delivery.ConfigureAwait(false);
        if (!_failures.HasHadItsAttempts(delivery.Message))
            return await Suspects.CountInAdvanceAsync(_client, state, delivery).ConfigureAwait(false);
        await _failures.SettleDoomedAsync(delivery.Message, (delay, error) => RetryAsync(delivery, delay, error), error => DieAsync(delivery, error, isDoomed: true))
            .ConfigureAwait(false);
        return null;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    async ValueTask HandleAsync(TpqDelivery delivery, HandlerClock clock, CancellationToken stop)
    {
        await using var _ = delivery.ConfigureAwait(false);
        try
        {
            await handler(delivery, clock.Start()).ConfigureAwait(false);
            clock.Stop();
            if (!delivery.HasEnded)
            {
                // Not where the handler commits by itself: it may go on for long, and the next message with it.
                delivery.Held.TakesNext = !stop.IsCancellationRequested && !state.Later.IsPaused;
                await delivery.CommitAsync(CancellationToken.None).ConfigureAwait(false);
            }
            // A handler may end its delivery itself, and in more ways than by a commit; the queue knows which it was.
            else if (!delivery.Held.IsSettled && await queue.IsThereAsync(delivery.Message.Id).ConfigureAwait(false))
            {
                _failures.GaveBack(delivery.Message.Id);
                return;
            }
            _failures.Forget();
        }
        catch (Exception e)
        {
            clock.Stop();
            await FailAsync(delivery, e, clock).ConfigureAwait(false);
        }
    }

    async Task FailAsync(TpqDelivery delivery, Exception error, HandlerClock clock)
    {
        long id = delivery.Message.Id;
        if (delivery.Held.IsSettled)
        {
            // Its own commit, or another end, came before.
            _client.Logger.FailedWhenSettled(error, queue.Name, id);
            return;
        }
        // Stopping is not an attempt.
        if (clock.IsGraceOver)
            return;
        if (delivery.Held.IsLost)
        {
            _failures.LostConnection(error, id);
            return;
        }
        await _failures.SettleAsync(delivery.Message, error, clock.IsTimeOver && error is OperationCanceledException,
            (delay, reason) => RetryAsync(delivery, delay, reason), reason => DieAsync(delivery, reason, isDoomed: false)).ConfigureAwait(false);
    }

    Task<bool> RetryAsync(TpqDelivery delivery, TimeSpan delay, string? error) =>
        SettleAsync(delivery, d => d.RetryAsync(delay, error));

    Task<bool> DieAsync(TpqDelivery delivery, string error, bool isDoomed) =>
        SettleAsync(delivery, d => Settlement.DeadLetterAsync(d.Held, state, d.Message, d.Message.Attempts + (isDoomed ? 0 : 1), error, CancellationToken.None));

    /// <summary>
    /// In the message's transaction, if that is still there. Where it is not, because COMMIT failed or the handler has rolled back, in a new one: if the
    /// message is free, for somebody may have taken it since.
    /// </summary>
    async Task<bool> SettleAsync(TpqDelivery delivery, Func<TpqDelivery, Task> settle)
    {
        if (!delivery.HasEnded)
        {
            await settle(delivery).ConfigureAwait(false);
            return true;
        }
        TpqDelivery? again = await Suspects.TakeAgainAsync(_client, state, delivery.Message.Id, countedInAdvance: delivery.Held.AttemptsToGoBackWith is not null)
            .ConfigureAwait(false);
        if (again is null)
            return false;
        await using (again.ConfigureAwait(false))
            await settle(again).ConfigureAwait(false);
        return true;
    }
}
