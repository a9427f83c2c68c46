using System.Runtime.CompilerServices;
using Tpq.Internal.Telemetry;

namespace Tpq.Internal;

/// <summary>One worker behind <see cref="TpqQueue.ConsumeAsync"/>: takes, handles, settles.</summary>
sealed class Consumer(
    TpqClient client, IReadOnlyList<TpqQueue> queues, Func<TpqDelivery, CancellationToken, Task> handler, TpqConsumeOptions options, bool takesNext = true) : IDisposable
{
    readonly Intake _intake = new(client, queues);
    readonly Failures _failures = new(client, options);
    TpqDelivery? _delivery;

    public async Task RunAsync(CancellationToken stop, CancellationToken graceIsOver)
    {
        using var clock = new HandlerClock(client, options.HandlerTimeout, graceIsOver);
        try
        {
            while (!stop.IsCancellationRequested)
                await StepAsync(clock, stop).ConfigureAwait(false);
        }
        finally
        {
            if (_delivery is not null)
                await _delivery.Held.GiveBackAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Handles the next message, and pauses if it must.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask StepAsync(HandlerClock clock, CancellationToken stop)
    {
        _delivery = await _intake.NextAsync(_delivery?.Held, stop).ConfigureAwait(false);
        await HandleTakenAsync(clock, stop).ConfigureAwait(false);
    }

    /// <summary>Handles a message that somebody else has taken.</summary>
    public async Task HandleAsync(TpqDelivery taken, HandlerClock clock, CancellationToken stop)
    {
        _delivery = taken;
        await HandleTakenAsync(clock, stop).ConfigureAwait(false);
    }

    public void Dispose() => _intake.Dispose();

    /// <returns>What is to be handled; null where it was settled, or somebody else has it.</returns>
    async Task<TpqDelivery?> LookTwiceAsync(TpqDelivery delivery)
    {
        await using var _ = delivery.ConfigureAwait(false);
        if (!_failures.HasHadItsAttempts(delivery.Message))
        {
            try
            {
                return await Suspects.CountInAdvanceAsync(client, delivery.Held.Queue, delivery).ConfigureAwait(false);
            }
            catch (Exception e) when (e is Npgsql.NpgsqlException or TpqException)
            {
                _failures.LostConnection(e, delivery.Message.Queue, delivery.Message.Id);
                return null;
            }
        }
        await _failures.SettleDoomedAsync(delivery.Message, (delay, error) => RetryAsync(delivery, delay, error), error => DieAsync(delivery, error, isDoomed: true))
            .ConfigureAwait(false);
        return null;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    async ValueTask HandleTakenAsync(HandlerClock clock, CancellationToken stop)
    {
        if (_delivery!.Message.IsSuspect || _failures.HasHadItsAttempts(_delivery.Message))
            _delivery = await LookTwiceAsync(_delivery).ConfigureAwait(false);
        if (_delivery is not null)
            await RunHandlerAsync(_delivery, clock, stop).ConfigureAwait(false);
        await _failures.PauseAsync(stop).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    async ValueTask RunHandlerAsync(TpqDelivery delivery, HandlerClock clock, CancellationToken stop)
    {
        await using var _ = delivery.ConfigureAwait(false);
        using Operation? process = Operation.BeginProcess(delivery.Held.Queue, delivery.Message);
        try
        {
            await handler(delivery, clock.Start()).ConfigureAwait(false);
            clock.Stop();
            if (!delivery.HasEnded)
            {
                // Not where the handler commits by itself: it may go on for long, and the next message with it.
                if (takesNext && queues.Count == 1)
                    delivery.Held.TakeNext(1, stop);
                await delivery.CommitAsync(CancellationToken.None).ConfigureAwait(false);
            }
            // A handler may end its delivery itself, and in more ways than by a commit; the queue knows which it was.
            else if (!delivery.Held.IsSettled && await delivery.Held.Queue.IsThereAsync(client, delivery.Message.Id).ConfigureAwait(false))
            {
                await UncountAsync(delivery).ConfigureAwait(false);
                _failures.GaveBack(delivery.Message.Queue, delivery.Message.Id);
                return;
            }
            process?.Succeeded();
            _failures.Forget();
        }
        catch (Exception e)
        {
            clock.Stop();
            process?.Failed(e);
            await FailAsync(delivery, Failures.Readable(e), clock, stop).ConfigureAwait(false);
        }
    }

    async Task FailAsync(TpqDelivery delivery, Exception error, HandlerClock clock, CancellationToken stop)
    {
        if (delivery.Held.IsSettled)
        {
            // Its own commit, or another end, came before.
            client.Logger.FailedWhenSettled(error, delivery.Message.Queue, delivery.Message.Id);
            return;
        }
        // Stopping is not an attempt.
        if (clock.IsGraceOver || (stop.IsCancellationRequested && error is OperationCanceledException))
            return;
        if (delivery.Held.IsLost)
        {
            _failures.LostConnection(error, delivery.Message.Queue, delivery.Message.Id);
            return;
        }
        await _failures.SettleAsync(delivery.Message, error, clock.IsTimeOver && error is OperationCanceledException,
            (delay, reason) => RetryAsync(delivery, delay, reason), reason => DieAsync(delivery, reason, isDoomed: false)).ConfigureAwait(false);
    }

    /// <summary>It was rolled back behind our back, and with what was counted in advance.</summary>
    async Task UncountAsync(TpqDelivery delivery)
    {
        if (delivery.Held.AttemptsToGoBackWith is null)
            return;
        TpqDelivery? again = await Suspects.TakeAgainAsync(client, delivery.Held.Queue, delivery.Message.Id, countedInAdvance: true).ConfigureAwait(false);
        if (again is not null)
            await again.DisposeAsync().ConfigureAwait(false);
    }

    Task<bool> RetryAsync(TpqDelivery delivery, TimeSpan delay, string? error) =>
        SettleAsync(delivery, d => d.RetryAsync(delay, error));

    Task<bool> DieAsync(TpqDelivery delivery, string error, bool isDoomed) =>
        SettleAsync(delivery, d => Settlement.DeadLetterAsync(d.Held, d.Held.Queue, d.Message, d.Message.Attempts + (isDoomed ? 0 : 1), error, CancellationToken.None));

    /// <summary>
    /// In the message's transaction, if that is still there. Where it is not, because COMMIT failed or the handler has rolled back, in a new one: if the
    /// message is free, for somebody may have taken it since.
    /// </summary>
    async Task<bool> SettleAsync(TpqDelivery delivery, Func<TpqDelivery, Task> settle)
    {
        if (!delivery.HasEnded)
        {
            try
            {
                await settle(delivery).ConfigureAwait(false);
                return true;
            }
            catch (Exception) when (delivery.HasEnded && !delivery.Held.IsLost)
            {
                // The handler has left the connection in a state in which nothing more can be done on it; or it is not to be settled so, which the second try tells.
            }
        }
        TpqDelivery? again = await Suspects.TakeAgainAsync(client, delivery.Held.Queue, delivery.Message.Id, countedInAdvance: delivery.Held.AttemptsToGoBackWith is not null)
            .ConfigureAwait(false);
        if (again is null)
            return false;
        await using (again.ConfigureAwait(false))
            await settle(again).ConfigureAwait(false);
        return true;
    }
}
