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
    public NpgsqlConnection Connection => Held.Connection;

    /// <summary>The transaction in which the message was taken, READ COMMITTED.</summary>
    /// <remarks>
    /// Committing it ends the delivery too, but prefer <see cref="CommitAsync"/>: the driver's own commit reports success when a statement had failed
    /// and the server rolled back, and it can be cancelled on its way.
    /// </remarks>
    public NpgsqlTransaction Transaction => Held.Transaction;

    internal OwnTransaction Held { get; }

    /// <summary>Whether it was committed or given back, by whichever way.</summary>
    internal bool HasEnded => Held.HasEnded;

    /// <summary>Removes the message and commits what was written in <see cref="Transaction"/>, both or neither.</summary>
    /// <param name="cancellationToken">
    /// Looked at before COMMIT is sent, never after: a cancelled COMMIT may have happened. There is no timeout.
    /// </param>
    /// <exception cref="InvalidOperationException">It was committed or given back already.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled before COMMIT was sent; the delivery is as it was.</exception>
    /// <exception cref="PostgresException">The server refused, for a deferred constraint say; the message is back.</exception>
    /// <exception cref="NpgsqlException">The connection broke: both happened or neither did, and which is unknown.</exception>
    /// <exception cref="TpqException">
    /// A statement of the transaction had failed or the connection was lost, so all is undone and the message is back; or the server gave up waiting for its synchronous
    /// standby, so the outcome is unknown.
    /// </exception>
    public Task CommitAsync(CancellationToken cancellationToken = default) => Held.CommitAsync(cancellationToken);

    /// <summary>Gives the message back at its old place, unless it was committed: at once, all writes undone. Never throws.</summary>
    public ValueTask DisposeAsync() => Held.DisposeAsync();
}
