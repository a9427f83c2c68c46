using Npgsql;
using Tpq.Internal;

namespace Tpq;

/// <summary>
/// A message in hand, held by an open transaction: nobody else gets it, and it is removed when that transaction commits. Belongs to one flow
/// of control at a time, as an <see cref="NpgsqlTransaction"/> does.
/// </summary>
/// <remarks>
/// Only what is written in <see cref="Transaction"/> is part of the message. Writes over another connection commit by themselves, whatever
/// becomes of the message. When the process dies, the server rolls back, and the message is back at its old place at once.
/// </remarks>
public sealed class TpqDelivery : IAsyncDisposable
{
    internal TpqDelivery(OwnTransaction held, TpqMessage message)
    {
        Held = held;
        Message = message;
    }

    /// <summary>The message. It stays valid after the delivery has ended.</summary>
    public TpqMessage Message { get; }

    /// <summary>The connection on which the message is held, for Dapper and the like. Not to be closed by the handler.</summary>
    /// <remarks>
    /// The first use of this or of <see cref="Transaction"/> sets a savepoint, which travels with the next statement; where the message before was used so too,
    /// it has come with the message. What is left in the session (<c>SET</c>, temporary tables, session-level advisory locks) is still there at the consumer's next
    /// message, as a rule: use what ends with the transaction, <c>SET LOCAL</c> say.
    /// </remarks>
    public NpgsqlConnection Connection => Held.Lend().Connection;

    /// <summary>The transaction in which the message was taken, READ COMMITTED.</summary>
    /// <remarks>
    /// Committing it ends the delivery too, but prefer <see cref="CommitAsync"/>: the driver's own commit reports success when a statement had failed
    /// and the server rolled back, and it can be cancelled on its way.
    /// </remarks>
    public NpgsqlTransaction Transaction => Held.Lend().Transaction;

    internal OwnTransaction Held { get; }

    /// <summary>Whether it was committed or given back, by whichever way.</summary>
    internal bool HasEnded => Held.HasEnded;

    /// <summary>
    /// Set while a container disposes the scope of the handler: it disposes whatever it has injected, and this the consumer has yet to settle.
    /// </summary>
    internal bool IsKept { get; set; }

    /// <summary>Removes the message and commits what was written in <see cref="Transaction"/>, both or neither.</summary>
    /// <param name="cancellationToken">
    /// Looked at before COMMIT is sent, never after: a cancelled COMMIT may have happened. There is no timeout.
    /// </param>
    /// <exception cref="InvalidOperationException">It was committed or given back already.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled before COMMIT was sent; the delivery is as it was.</exception>
    /// <exception cref="PostgresException">The server refused, for a deferred constraint say; the message is back.</exception>
    /// <remarks>
    /// In <see cref="TpqQueue.ReadAllAsync"/> it takes the next message along, and is answered together with it: should that have to wait, for somebody who has
    /// locked the whole table, the commit is done before, and returns after.
    /// </remarks>
    /// <exception cref="NpgsqlException">The connection broke: both happened or neither did, and which is unknown.</exception>
    /// <exception cref="TpqException">
    /// A statement of the transaction had failed or the connection was lost, so all is undone and the message is back; or the server gave up waiting for its synchronous
    /// standby, so the outcome is unknown.
    /// </exception>
    public Task CommitAsync(CancellationToken cancellationToken = default) => Held.CommitAsync(cancellationToken);

    /// <summary>
    /// Undoes what was written in <see cref="Transaction"/>, counts a failed delivery, and has the message delivered again after a pause, at its place in
    /// line; all in one transaction, which is committed. It settles the delivery.
    /// </summary>
    /// <param name="delay">How long nobody gets it, by the server's clock; zero for as soon as somebody moves it, which takes milliseconds.</param>
    /// <param name="error">
    /// Why, for the header <c>tpq-error</c>, of which the first 4,000 characters are kept; <see langword="null"/> (default) leaves the header as it is.
    /// </param>
    /// <param name="cancellationToken">Looked at before anything is sent, never after. There is no timeout.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="delay"/> is negative.</exception>
    /// <exception cref="InvalidOperationException">It was committed or given back already.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled before; the delivery is as it was.</exception>
    /// <exception cref="TpqException">
    /// The queue was made by the Python tpq and has no table for messages that are not ready, until it is upgraded; or the connection was lost, or the
    /// outcome of COMMIT is unknown. The message is back, or after an unknown outcome perhaps.
    /// </exception>
    /// <exception cref="PostgresException">The server refused; the message is back.</exception>
    public Task RetryAsync(TimeSpan delay, string? error = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(delay, TimeSpan.Zero);
        return Settlement.RetryAsync(Held, Held.Queue, Message, delay, error, cancellationToken);
    }

    /// <summary>
    /// Undoes what was written in <see cref="Transaction"/> and moves the message to the dead letter queue, whose name is the queue's with <c>_dead</c> behind it;
    /// in one transaction, which is committed. It settles the delivery.
    /// </summary>
    /// <param name="error">Why, for the header <c>tpq-error</c>, of which the first 4,000 characters are kept.</param>
    /// <param name="cancellationToken">Looked at until the message is sent to the dead letter queue, never after. There is no timeout.</param>
    /// <remarks>
    /// The dead letter keeps its payload, its headers and the time at which it was put, and gets a new id and the headers <c>tpq-queue</c>, <c>tpq-id</c>, <c>tpq-attempts</c> (failed deliveries, this one
    /// included), <c>tpq-error</c> and <c>tpq-died-at</c> (UTC, by the server's clock). The dead letter queue is created when it is needed and not there.
    /// </remarks>
    /// <exception cref="InvalidOperationException">It was committed or given back already.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled; the delivery is as it was, but for the handler's writes, which may be undone.</exception>
    /// <exception cref="TpqException">
    /// There is no dead letter queue and it cannot be created: the name would be too long, the role may not, the pool has one connection, or the queue is a dead letter queue
    /// itself; the delivery is still in hand, the handler's writes undone. Or the connection was lost, or the outcome of COMMIT is unknown.
    /// </exception>
    /// <exception cref="PostgresException">The server refused; the message is back.</exception>
    public Task DeadLetterAsync(string error, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(error);
        return Settlement.DeadLetterAsync(Held, Held.Queue, Message, Message.Attempts + 1, error, cancellationToken);
    }

    /// <summary>Gives the message back at its old place, unless it was committed: at once, all writes undone. Never throws.</summary>
    public ValueTask DisposeAsync() => IsKept ? ValueTask.CompletedTask : Held.DisposeAsync();
}
