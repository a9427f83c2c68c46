using System.Collections;
using Npgsql;
using Tpq.Internal;

namespace Tpq;

/// <summary>
/// Messages in hand, held by one open transaction: all are removed or all go back. Never empty; in the order of their ids. Belongs to one
/// flow of control at a time.
/// </summary>
public sealed class TpqBatch : IReadOnlyList<TpqMessage>, IAsyncDisposable
{
    readonly IReadOnlyList<TpqMessage> _messages;

    internal TpqBatch(OwnTransaction held, IReadOnlyList<TpqMessage> messages)
    {
        Held = held;
        _messages = messages;
    }

    internal OwnTransaction Held { get; }

    /// <summary>How many messages there are, at least one.</summary>
    public int Count => _messages.Count;

    /// <summary>The connection on which the messages are held. Not to be closed by the handler; what is left in its session stays there as with <see cref="TpqDelivery.Connection"/>.</summary>
    public NpgsqlConnection Connection => Held.Lend().Connection;

    /// <summary>The transaction in which the messages were taken, READ COMMITTED. Prefer <see cref="CommitAsync"/> to its own commit, as with <see cref="TpqDelivery"/>.</summary>
    public NpgsqlTransaction Transaction => Held.Lend().Transaction;

    /// <summary>The message at a place, counted from 0.</summary>
    public TpqMessage this[int index] => _messages[index];

    /// <summary>Removes the messages and commits what was written in <see cref="Transaction"/>, as <see cref="TpqDelivery.CommitAsync"/> does for one.</summary>
    /// <param name="cancellationToken">Looked at before COMMIT is sent, never after.</param>
    /// <exception cref="InvalidOperationException">They were committed or given back already.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled before COMMIT was sent; the batch is as it was.</exception>
    /// <exception cref="PostgresException">The server refused; the messages are back.</exception>
    /// <exception cref="NpgsqlException">The connection broke: both happened or neither did, and which is unknown.</exception>
    /// <exception cref="TpqException">A statement of the transaction had failed, or the outcome is unknown, as with one message.</exception>
    public Task CommitAsync(CancellationToken cancellationToken = default) => Held.CommitAsync(cancellationToken);

    /// <summary>Gives all messages back at their old places, unless they were committed. Never throws.</summary>
    public ValueTask DisposeAsync() => Held.DisposeAsync();

    /// <inheritdoc/>
    public IEnumerator<TpqMessage> GetEnumerator() => _messages.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
