using Npgsql;
using Tpq.Internal;
using Tpq.Internal.Telemetry;

namespace Tpq;

/// <content>Leasing: for long work, and for many messages in flight on few connections.</content>
public sealed partial class TpqQueue
{
    /// <summary>
    /// Handles messages that are leased until it is stopped: no connection is held while a handler is at work. When the handler returns, the message is completed; when it throws,
    /// the message is delivered again after a pause, or in the end moved to the dead letter queue.
    /// </summary>
    /// <param name="handler">
    /// Does the work. What it writes is not part of the message, unless it completes the lease in the transaction in which it writes. It may settle the lease itself. Its token is
    /// cancelled when the lease is lost, when it has run for longer than <see cref="TpqConsumeOptions.HandlerTimeout"/>, and when the consumer has been stopped for
    /// longer than <see cref="TpqConsumeOptions.Grace"/>.
    /// </param>
    /// <param name="options">How many at once, attempts, pauses and times; <see langword="null"/> for the defaults.</param>
    /// <param name="cancellationToken">
    /// Stops it: no further message is taken, those in hand are finished within the grace or given back, and the call returns normally.
    /// </param>
    /// <remarks>A message may be delivered twice at the same time: when its lease was lost and its handler does not know it yet.</remarks>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="TpqException">The queue was made by the Python tpq and not upgraded.</exception>
    /// <exception cref="PostgresException">The server refused to give a message: a missing privilege, say.</exception>
    /// <exception cref="NpgsqlException">The database could not be reached at the start.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    public Task ConsumeLeasedAsync(
        Func<TpqLease, CancellationToken, Task> handler, TpqConsumeOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(handler);
        AmbientTransaction.Refuse(nameof(ConsumeLeasedAsync));
        TpqConsumeOptions own = options?.Copy() ?? new TpqConsumeOptions();
        return TranslatedAsync(async () =>
        {
            await Workers.RunAsync(Client, [_state], own, 1, (stop, graceIsOver) => new LeasedConsumer(this, handler, own).RunAsync(stop, graceIsOver), cancellationToken)
                .ConfigureAwait(false);
            return true;
        });
    }

    /// <summary>Leases the first messages that nobody has: nobody else gets them until the lease runs out, and no connection is held.</summary>
    /// <param name="max">How many at most; at least 1.</param>
    /// <param name="duration">
    /// How long the lease lasts without being renewed, which happens in the background at a third of it: so it is the time after which a message is delivered again whose process has died. At
    /// least 1 second.
    /// </param>
    /// <param name="wait">How long to wait for the first one, as in <see cref="GetAsync"/>. It never waits for a batch to fill.</param>
    /// <param name="cancellationToken">Cancels the wait; a lease that is being taken is not cancelled.</param>
    /// <returns>The leases in the order of the messages' ids; <see langword="null"/> exactly when <see cref="GetAsync"/> would return it.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="max"/> is less than 1, <paramref name="duration"/> is shorter than a second or longer than 24 days, or <paramref name="wait"/> is negative and not infinite.</exception>
    /// <exception cref="InvalidOperationException">There is a <see cref="System.Transactions.TransactionScope"/> around the call.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="TpqException">The queue was made by the Python tpq and not upgraded.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled. Nothing is leased.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed, also while this call waited.</exception>
    /// <exception cref="PostgresException">The server reported an error.</exception>
    /// <exception cref="NpgsqlException">The database cannot be reached.</exception>
    public async Task<TpqLeaseBatch?> LeaseAsync(int max, TimeSpan duration, TimeSpan wait = default, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        CheckedLease(duration, nameof(duration));
        AmbientTransaction.Refuse(nameof(LeaseAsync));
        using var waiter = new Waiter(Client, _state);
        TpqLeaseBatch? leases = await LeaseAsync(waiter, max, duration, wait, cancellationToken).ConfigureAwait(false);
        if (leases is not null && Instruments.AreHeard)
            Operation.Received(_state, "lease", waiter.LookBegan, [.. leases.Select(static l => l.Message)]);
        return leases;
    }

    internal Task<TpqLeaseBatch?> LeaseAsync(Waiter waiter, int max, TimeSpan duration, TimeSpan wait, CancellationToken cancellationToken) =>
        TranslatedAsync(() => waiter.WaitAsync(
            (isLast, token) => _state.Leases.ClaimAsync(max, duration, toTheEnd: isLast, token), static batch => batch[0].Message.Id, wait, survive: true, cancellationToken));

    internal static TimeSpan CheckedLease(TimeSpan duration, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(duration, TimeSpan.FromSeconds(1), name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(duration, TimeSpan.FromDays(24), name);
        return duration;
    }
}
