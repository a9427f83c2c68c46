using System.Diagnostics;
using System.Runtime.CompilerServices;
using Npgsql;
using Tpq.Internal;
using Tpq.Internal.Telemetry;

namespace Tpq;

/// <content>Consuming: the front door, then the parts that it is made of.</content>
public sealed partial class TpqQueue
{
    /// <summary>
    /// Handles messages until it is stopped: when the handler returns, the message is removed together with what the handler wrote in the delivery's
    /// transaction; when it throws, that is undone, and the message is delivered again after a pause, or in the end moved to the dead letter queue.
    /// </summary>
    /// <param name="handler">
    /// Does the work in <see cref="TpqDelivery.Transaction"/>. It may settle the delivery itself. If it gives the message back, the consumer pauses before it
    /// takes the next one. Its token is cancelled when it has run for longer than <see cref="TpqConsumeOptions.HandlerTimeout"/>, or when the consumer has
    /// been stopped for longer than <see cref="TpqConsumeOptions.Grace"/>.
    /// </param>
    /// <param name="options">How many at once, attempts, pauses and times; <see langword="null"/> for the defaults.</param>
    /// <param name="cancellationToken">
    /// Stops it: no further message is taken, those in hand are finished within the grace or given back, and the call returns normally.
    /// </param>
    /// <remarks>
    /// One connection is held for each message in hand. With the default concurrency of one, messages are handled one after the other, in order; a
    /// message that has failed comes later. A lost connection is survived, with one line in the log. What cannot be kept for later, in a queue of the Python tpq's that was not
    /// upgraded, is given back, and the consumer pauses instead.
    /// </remarks>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="PostgresException">The server refused to give a message: a missing privilege, say.</exception>
    /// <exception cref="NpgsqlException">The database could not be reached at the start.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    public Task ConsumeAsync(
        Func<TpqDelivery, CancellationToken, Task> handler, TpqConsumeOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(handler);
        AmbientTransaction.Refuse(nameof(ConsumeAsync));
        return Client.ConsumeAsync([this], handler, options, cancellationToken);
    }

    /// <summary>
    /// Handles messages in batches until it is stopped: one transaction for each batch, which is what makes it fast. When the handler returns, all its messages are removed
    /// together with what it wrote; when it throws, that is undone, and the same messages are handled again one by one, so that only what fails by itself is counted, delivered again
    /// after a pause, and in the end moved to the dead letter queue.
    /// </summary>
    /// <param name="max">How many messages at most are in a batch; at least 1. It never waits for a batch to fill.</param>
    /// <param name="handler">
    /// Does the work in <see cref="TpqBatch.Transaction"/>, for a batch of any size. Its token is cancelled when it has run for longer than <see cref="TpqConsumeOptions.HandlerTimeout"/>, or when the
    /// consumer has been stopped for longer than <see cref="TpqConsumeOptions.Grace"/>.
    /// </param>
    /// <param name="options">How many batches at once, attempts, pauses and times; <see langword="null"/> for the defaults.</param>
    /// <param name="cancellationToken">
    /// Stops it: no further message is taken, those in hand are finished within the grace or given back, and the call returns normally.
    /// </param>
    /// <remarks>One connection is held for each batch in hand. The consumer's commit of a batch takes the next one along, as a rule, in the same round trip and on the same connection.</remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="max"/> is less than 1.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="PostgresException">The server refused to give a message: a missing privilege, say.</exception>
    /// <exception cref="NpgsqlException">The database could not be reached at the start.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    public Task ConsumeBatchesAsync(
        int max, Func<TpqBatch, CancellationToken, Task> handler, TpqConsumeOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        ArgumentNullException.ThrowIfNull(handler);
        AmbientTransaction.Refuse(nameof(ConsumeBatchesAsync));
        TpqConsumeOptions own = options?.Copy() ?? new TpqConsumeOptions();
        return TranslatedAsync(async () =>
        {
            using IDisposable counted = Client.CountConsumers(own.Concurrency);
            await Workers.RunAsync(Client, [_state], own, own.Concurrency,
                (stop, graceIsOver) => new BatchConsumer(this, max, handler, own).RunAsync(stop, graceIsOver), cancellationToken).ConfigureAwait(false);
            return true;
        });
    }

    /// <summary>Takes the first message that nobody has in hand, in a transaction that stays open with the delivery.</summary>
    /// <param name="wait">
    /// How long to wait for one: <see cref="TimeSpan.Zero"/> (default) not at all, <see cref="Timeout.InfiniteTimeSpan"/> for ever.
    /// </param>
    /// <param name="cancellationToken">Cancels the wait and the look; a message that was being taken is back at once.</param>
    /// <returns>The message in hand; <see langword="null"/> when the queue was empty, or all its messages in the hands of others, at the end of the wait.</returns>
    /// <remarks>
    /// A wait survives a lost connection or a restart of the server, once the client has reached the database. For a loop, use
    /// <see cref="ConsumeAsync"/>: it pauses when a message fails, where a loop by hand would take it again at once.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="wait"/> is negative and not infinite.</exception>
    /// <exception cref="InvalidOperationException">There is a <see cref="System.Transactions.TransactionScope"/> around the call.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled. Nothing is held.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed, also while this call waited.</exception>
    /// <exception cref="PostgresException">The server reported an error.</exception>
    /// <exception cref="NpgsqlException">The database cannot be reached.</exception>
    public async Task<TpqDelivery?> GetAsync(TimeSpan wait = default, CancellationToken cancellationToken = default)
    {
        AmbientTransaction.Refuse(nameof(GetAsync));
        using var waiter = new Waiter(Client, _state);
        TpqDelivery? delivery = await NextAsync(waiter, wait, cancellationToken).ConfigureAwait(false);
        if (delivery is not null)
            Operation.Received(_state, "get", waiter.LookBegan, delivery.Message);
        return delivery;
    }

    /// <summary>Takes the first messages that nobody has in hand, in one transaction that stays open with the batch.</summary>
    /// <param name="max">How many at most; at least 1.</param>
    /// <param name="wait">How long to wait for the first one, as in <see cref="GetAsync"/>. It never waits for a batch to fill.</param>
    /// <param name="cancellationToken">Cancels the wait and the look.</param>
    /// <returns>The messages in the order of their ids; <see langword="null"/> exactly when <see cref="GetAsync"/> would return it.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="max"/> is less than 1, or <paramref name="wait"/> is negative and not infinite.</exception>
    /// <exception cref="InvalidOperationException">There is a <see cref="System.Transactions.TransactionScope"/> around the call.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled. Nothing is held.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed, also while this call waited.</exception>
    /// <exception cref="PostgresException">The server reported an error.</exception>
    /// <exception cref="NpgsqlException">The database cannot be reached.</exception>
    public async Task<TpqBatch?> GetManyAsync(int max, TimeSpan wait = default, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        AmbientTransaction.Refuse(nameof(GetManyAsync));
        using var waiter = new Waiter(Client, _state);
        TpqBatch? batch = await NextBatchAsync(waiter, max, wait, cancellationToken).ConfigureAwait(false);
        if (batch is not null)
            Operation.Received(_state, "get", waiter.LookBegan, batch);
        return batch;
    }

    /// <summary>Takes messages one after the other, waiting for each, for ever.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <remarks>
    /// Commit or dispose each delivery before going on to the next; leaving the loop gives the message in hand back. The commit takes the next
    /// message along, in the same round trip: what takes long is better done before it. A loop that goes on after a failed message takes the
    /// same one again at once: <see cref="ConsumeAsync"/> pauses instead.
    /// </remarks>
    /// <exception cref="InvalidOperationException">
    /// The loop went on with a delivery that was neither committed nor disposed, which is given back; or there is a TransactionScope around it.
    /// </exception>
    /// <exception cref="OperationCanceledException">The token was cancelled. Nothing is held.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    public async IAsyncEnumerable<TpqDelivery> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        AmbientTransaction.Refuse(nameof(ReadAllAsync));
        using var waiter = new Waiter(Client, _state);
        TpqDelivery? delivery = null;
        try
        {
            while (true)
            {
                long asked = Stopwatch.GetTimestamp();
                delivery = await NextAsync(delivery?.Held, waiter, cancellationToken).ConfigureAwait(false);
                Operation.Received(_state, "get", Math.Max(asked, waiter.LookBegan), delivery.Message);
                delivery.Held.TakesNext = 1;
                yield return delivery;
                if (!delivery.HasEnded)
                    throw new InvalidOperationException(
                        $"Message {delivery.Message.Id} of queue \"{Name}\" was neither committed nor disposed before the next one was asked for. It was given back.");
            }
        }
        finally
        {
            if (delivery is not null)
                await delivery.Held.GiveBackAsync().ConfigureAwait(false);
        }
    }

    internal Task<TpqDelivery?> NextAsync(Waiter waiter, TimeSpan wait, CancellationToken cancellationToken) =>
        TranslatedAsync(() => waiter.WaitAsync(
            (isLast, token) => TakeAsync(1, static (held, messages) => new TpqDelivery(held, messages[0]), toTheEnd: isLast, token),
            static delivery => delivery.Message.Id, wait, survive: true, cancellationToken));

    /// <summary>The message that was taken together with the commit of the one before, or is taken now, on its connection; where there is none, the next one that comes.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    internal async ValueTask<TpqDelivery> NextAsync(OwnTransaction? previous, Waiter waiter, CancellationToken cancellationToken) =>
        await ContinueAsync(previous, waiter, cancellationToken).ConfigureAwait(false) is var (held, messages)
            ? new TpqDelivery(held, messages[0])
            : (await NextAsync(waiter, Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false))!;

    /// <summary>One look for who takes from several queues.</summary>
    internal Task<TpqDelivery?> LookAsync(Waiter waiter, CancellationToken cancellationToken) => TranslatedAsync(() => waiter.LookAsync(
        (isLast, token) => TakeAsync(1, static (held, messages) => new TpqDelivery(held, messages[0]), toTheEnd: isLast, token),
        static delivery => delivery.Message.Id, cancellationToken));

    /// <summary>As <see cref="NextAsync(OwnTransaction, Waiter, CancellationToken)"/>, of batches.</summary>
    internal async Task<TpqBatch> NextBatchAsync(OwnTransaction? previous, Waiter waiter, int max, CancellationToken cancellationToken) =>
        await ContinueAsync(previous, waiter, cancellationToken).ConfigureAwait(false) is var (held, messages)
            ? new TpqBatch(held, messages)
            : (await NextBatchAsync(waiter, max, Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false))!;

    internal Task<TpqBatch?> NextBatchAsync(Waiter waiter, int max, TimeSpan wait, CancellationToken cancellationToken) => TranslatedAsync(() => waiter.WaitAsync(
        (isLast, token) => TakeAsync(max, static (held, messages) => new TpqBatch(held, messages), toTheEnd: isLast, token), static batch => batch[0].Id, wait, survive: true, cancellationToken));

    /// <summary>What is taken on the connection of the one before; null if that was nothing, or the queue has been paused since.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    async ValueTask<(OwnTransaction Held, List<TpqMessage> Messages)?> ContinueAsync(OwnTransaction? previous, Waiter waiter, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Client.ThrowIfDisposed();
        if (previous?.Successor is not { } pending)
            return null;
        if (waiter.IsPaused)
        {
            await pending.DisposeAsync().ConfigureAwait(false);
            return null;
        }
        (OwnTransaction Held, List<TpqMessage> Messages)? taken = await pending.EndAsync(cancellationToken).ConfigureAwait(false);
        if (taken is var (_, messages))
        {
            waiter.Looked(messages[0].Id);
            foreach (TpqMessage message in messages)
                Client.Logger.Read(message.Id, Name);
        }
        else if (pending.WasEmpty)
        {
            waiter.Looked(found: null);
        }
        return taken;
    }

    /// <summary>One look, in a transaction of its own, which is the result's if something was taken.</summary>
    async Task<T?> TakeAsync<T>(int max, Func<OwnTransaction, List<TpqMessage>, T> inHand, bool toTheEnd, CancellationToken cancellationToken)
        where T : class
    {
        Client.Logger.Reading(Name);
        for (int stalePlans = 0; ; stalePlans++)
        {
            OwnTransaction held = await OwnTransaction.BeginAsync(Client, cancellationToken).ConfigureAwait(false);
            T? result = null;
            try
            {
                List<TpqMessage> messages = await held.TakeAsync(_state, max, toTheEnd, cancellationToken).ConfigureAwait(false);
                if (messages.Count > 0)
                    result = inHand(held, messages);
                foreach (TpqMessage message in messages)
                    Client.Logger.Read(message.Id, Name);
                return result;
            }
            catch (PostgresException e) when (stalePlans < Fault.MostStalePlans && Fault.IsStalePlan(e))
            {
            }
            finally
            {
                if (result is null)
                    await held.DisposeAsync().ConfigureAwait(false);
            }
        }
    }
}
