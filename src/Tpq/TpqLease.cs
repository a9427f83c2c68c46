using Npgsql;
using Tpq.Internal;

namespace Tpq;

/// <summary>
/// A message that is leased: nobody else gets it until the lease runs out, and no connection or transaction is held meanwhile. Thread safe. It is renewed in the
/// background, at a third of its time, until it is settled, disposed or lost.
/// </summary>
/// <remarks>
/// When the process dies, the message is delivered again when the lease has run out, with one failed attempt more. A holder who comes too late can do no
/// harm to the message: completing, retrying and dead-lettering ask whether the lease is still this one. His own writes are part of that only when
/// he completes in their transaction: <see cref="CompleteAsync(NpgsqlTransaction, CancellationToken)"/>.
/// </remarks>
public sealed class TpqLease : IAsyncDisposable
{
    readonly Leases _leases;
    readonly LeaseHold _hold;

    internal TpqLease(Leases leases, LeaseHold hold)
    {
        _leases = leases;
        _hold = hold;
    }

    /// <summary>The message.</summary>
    public TpqMessage Message => _hold.Message;

    /// <summary>
    /// Cancelled when the lease is lost: somebody else may have the message now. Also when it could not be renewed in time, by this process's clock, because the server was
    /// not reached.
    /// </summary>
    public CancellationToken Lost => _hold.Lost;

    internal LeaseHold Hold => _hold;

    /// <summary>As <see cref="TpqDelivery.IsKept"/>.</summary>
    internal bool IsKept { get; set; }

    /// <summary>Removes the message, in a transaction of its own.</summary>
    /// <param name="cancellationToken">Looked at before anything is sent, never after. There is no timeout.</param>
    /// <exception cref="TpqLeaseLostException">The lease was lost. The message is not removed.</exception>
    /// <exception cref="InvalidOperationException">It was settled or disposed already.</exception>
    /// <exception cref="TpqException">The server gave up waiting for its synchronous standby: the outcome is unknown.</exception>
    /// <exception cref="NpgsqlException">The server reported an error: the lease is as it was. Or the connection broke: the outcome is unknown.</exception>
    public Task CompleteAsync(CancellationToken cancellationToken = default) => _leases.CompleteAsync([_hold], cancellationToken);

    /// <summary>Removes the message in the caller's transaction: it and what the caller writes there commit together or not at all.</summary>
    /// <param name="transaction">An open transaction on the queue's database, READ COMMITTED. It is not committed or rolled back here.</param>
    /// <param name="cancellationToken">Cancels the statement, which fails the transaction.</param>
    /// <remarks>
    /// The lease is not renewed from here on; commit before it runs out, or somebody waits for your commit to decide. If you roll back, the message is delivered again when the lease has run
    /// out.
    /// </remarks>
    /// <exception cref="TpqLeaseLostException">The lease was lost. <b>The transaction must not be committed</b>: roll it back.</exception>
    /// <exception cref="InvalidOperationException">
    /// It was settled or disposed already; or the transaction has ended, or is REPEATABLE READ or above, where a lost lease cannot be told.
    /// </exception>
    /// <exception cref="PostgresException">The server reported an error; the transaction has failed.</exception>
    public Task CompleteAsync(NpgsqlTransaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return _leases.CompleteAsync([_hold], transaction, cancellationToken);
    }

    /// <summary>Counts a failed delivery, and has the message delivered again after a pause, as <see cref="TpqDelivery.RetryAsync"/> does. It settles the lease.</summary>
    /// <param name="delay">How long nobody gets it, by the server's clock; zero for at once.</param>
    /// <param name="error">Why, for the header <c>tpq-error</c>, of which the first 4,000 characters are kept; <see langword="null"/> (default) leaves the header as it is.</param>
    /// <param name="cancellationToken">Looked at before anything is sent, never after.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="delay"/> is negative.</exception>
    /// <exception cref="TpqLeaseLostException">The lease was lost; its loss was counted as the failure.</exception>
    /// <exception cref="InvalidOperationException">It was settled or disposed already.</exception>
    /// <exception cref="NpgsqlException">The server reported an error: the lease is as it was. Or the connection broke: the outcome is unknown.</exception>
    public Task RetryAsync(TimeSpan delay, string? error = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(delay, TimeSpan.Zero);
        return _leases.RetryAsync(_hold, delay, error, cancellationToken);
    }

    /// <summary>Moves the message to the dead letter queue, as <see cref="TpqDelivery.DeadLetterAsync"/> does. It settles the lease.</summary>
    /// <param name="error">Why, for the header <c>tpq-error</c>, of which the first 4,000 characters are kept.</param>
    /// <param name="cancellationToken">Looked at until the message is moved, never after.</param>
    /// <exception cref="TpqLeaseLostException">The lease was lost.</exception>
    /// <exception cref="InvalidOperationException">It was settled or disposed already.</exception>
    /// <exception cref="TpqException">There is no dead letter queue and it cannot be created. The lease is as it was.</exception>
    /// <exception cref="NpgsqlException">The server reported an error: the lease is as it was. Or the connection broke: the outcome is unknown.</exception>
    public Task DeadLetterAsync(string error, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(error);
        return _leases.DeadLetterAsync(_hold, Message.Attempts + 1, error, cancellationToken);
    }

    /// <summary>Gives the message back, unless it was settled or lost: at once, uncounted. Never throws: if the server is not reached, the lease runs out.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!IsKept)
            await _leases.ReleaseAsync([_hold]).ConfigureAwait(false);
    }
}
