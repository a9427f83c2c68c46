using System.Data;
using System.Text.Json.Serialization.Metadata;
using Npgsql;
using Tpq.Internal;
using Tpq.Internal.Telemetry;

namespace Tpq;

/// <summary>
/// A queue as seen from a transaction of the caller's: what is put here becomes visible, and what is taken here is removed, when the caller
/// commits. The transaction is never begun, committed or rolled back here, and an error leaves the caller's earlier work usable. Not thread
/// safe, as the connection is not.
/// </summary>
/// <remarks>
/// A take and a bulk put have a savepoint of their own; a put has one until the client's first success with it in a caller's transaction.
/// Afterwards what goes wrong in the server while it puts (the call is cancelled, the queue was dropped) fails the transaction, as with any
/// statement. Invalid JSON is always found before it is sent.
/// </remarks>
public readonly struct TpqQueueTransaction
{
    readonly TpqClient _client;
    readonly QueueState _state;
    readonly NpgsqlTransaction _transaction;

    internal TpqQueueTransaction(TpqClient client, QueueState state, NpgsqlTransaction transaction)
    {
        _client = client;
        _state = state;
        _transaction = transaction;
    }

    /// <summary>Puts a message. It becomes visible, and wakes waiting consumers, when the transaction commits.</summary>
    /// <param name="json">One JSON value, stored as it is.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns>The message's id.</returns>
    /// <exception cref="TpqInvalidJsonException">It is not one JSON value. Nothing was sent.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="InvalidOperationException">The transaction has ended.</exception>
    /// <exception cref="PostgresException">The server reported an error.</exception>
    public async Task<long> PutAsync(string json, CancellationToken cancellationToken = default) =>
        await PutCheckedAsync(new CheckedPut(JsonText.Checked(json)), cancellationToken).ConfigureAwait(false);

    /// <inheritdoc cref="PutAsync(string, CancellationToken)"/>
    /// <param name="utf8Json">One JSON value in UTF-8. The memory must not change until the call has returned.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    public async Task<long> PutAsync(ReadOnlyMemory<byte> utf8Json, CancellationToken cancellationToken = default) =>
        await PutCheckedAsync(new CheckedPut(JsonText.Checked(utf8Json)), cancellationToken).ConfigureAwait(false);

    /// <inheritdoc cref="PutAsync(string, CancellationToken)"/>
    /// <param name="value">The value; <see langword="null"/> becomes the JSON text <c>null</c>.</param>
    /// <param name="type">The type's contract from a source-generated <c>JsonSerializerContext</c>.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    public Task<long> PutAsync<T>(T value, JsonTypeInfo<T> type, CancellationToken cancellationToken = default) =>
        PutAsync(TpqPut.Create(value, type), cancellationToken);

    /// <inheritdoc cref="PutAsync(string, CancellationToken)"/>
    /// <param name="put">The message.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <exception cref="TpqException">The message has headers and the queue, made by the Python tpq, has no column for them.</exception>
    public async Task<long> PutAsync(TpqPut put, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(put);
        return await PutCheckedAsync(put.ToChecked(), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Puts many messages through COPY, in their order, in constant memory: all, or after an error none of them.</summary>
    /// <param name="puts">The messages.</param>
    /// <param name="cancellationToken">Looked at before each message; none of them is put. It does not break into a message that is being sent.</param>
    /// <returns>How many messages were put.</returns>
    /// <exception cref="TpqInvalidJsonException">A text is not one JSON value; its <see cref="TpqInvalidJsonException.Index"/> says which.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="InvalidOperationException">The transaction has ended.</exception>
    /// <exception cref="PostgresException">The server reported an error.</exception>
    public Task<long> PutManyAsync(IEnumerable<TpqPut> puts, CancellationToken cancellationToken = default) =>
        PutManyAsync(BulkPut.Of(puts), cancellationToken);

    /// <inheritdoc cref="PutManyAsync(IEnumerable{TpqPut}, CancellationToken)"/>
    public Task<long> PutManyAsync(IAsyncEnumerable<TpqPut> puts, CancellationToken cancellationToken = default) =>
        PutManyAsync(BulkPut.Of(puts), cancellationToken);

    /// <summary>Takes the first message that nobody has in hand. It is removed when the caller commits, and back when the caller rolls back.</summary>
    /// <param name="wait">
    /// How long to wait for one: <see cref="TimeSpan.Zero"/> (default) not at all, <see cref="Timeout.InfiniteTimeSpan"/> for ever. The caller's
    /// transaction stays open meanwhile; in REPEATABLE READ and above it sees nothing that is put after its first statement.
    /// </param>
    /// <param name="cancellationToken">Cancels the wait and the look.</param>
    /// <returns>The message; <see langword="null"/> when the queue was empty at the end of the wait.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="wait"/> is negative and not infinite.</exception>
    /// <exception cref="TpqException">In REPEATABLE READ or above another consumer was there first; the server's error is the inner exception.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="InvalidOperationException">The transaction has ended.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="PostgresException">The server reported an error.</exception>
    public async Task<TpqMessage?> GetAsync(TimeSpan wait = default, CancellationToken cancellationToken = default) =>
        await GetAsync(1, wait, cancellationToken).ConfigureAwait(false) is { } messages ? messages[0] : null;

    /// <summary>Takes the first messages that nobody has in hand, as <see cref="GetAsync(TimeSpan, CancellationToken)"/> takes one.</summary>
    /// <param name="max">How many at most; at least 1.</param>
    /// <param name="wait">How long to wait for the first one.</param>
    /// <param name="cancellationToken">Cancels the wait and the look.</param>
    /// <returns>The messages in the order of their ids; empty when the queue was empty at the end of the wait.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="max"/> is less than 1, or <paramref name="wait"/> is negative and not infinite.</exception>
    /// <exception cref="TpqException">In REPEATABLE READ or above another consumer was there first; the server's error is the inner exception.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="InvalidOperationException">The transaction has ended.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="PostgresException">The server reported an error.</exception>
    public async Task<IReadOnlyList<TpqMessage>> GetManyAsync(int max, TimeSpan wait = default, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        return await GetAsync(max, wait, cancellationToken).ConfigureAwait(false) ?? [];
    }

    Task<long> PutCheckedAsync(CheckedPut put, CancellationToken cancellationToken) =>
        CallersTransaction.PutAsync(_client, Connection(), _state, put, cancellationToken);

    Task<long> PutManyAsync(BulkPut bulk, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = Connection();
        QueueState state = _state;
        return BulkPut.RunAsync(state, send =>
            CallersTransaction.RunGuardedAsync(connection, state, () => bulk.CopyGentlyAsync(connection, state, send, cancellationToken)));
    }

    async Task<List<TpqMessage>?> GetAsync(int max, TimeSpan wait, CancellationToken cancellationToken)
    {
        TpqQueueTransaction self = this;
        NpgsqlConnection connection = Connection();
        TakeIn takeIn = _transaction.IsolationLevel is IsolationLevel.ReadCommitted or IsolationLevel.ReadUncommitted ? TakeIn.Callers : TakeIn.CallersSnapshot;
        using var waiter = new Waiter(_client, _state, hearsRings: takeIn != TakeIn.CallersSnapshot);
        List<TpqMessage>? found = await waiter.WaitAsync(Look, static messages => messages[0].Id, wait, survive: false, cancellationToken).ConfigureAwait(false);
        if (found is not null)
            Operation.Received(_state, "get", waiter.LookBegan, found);
        return found;

        async Task<List<TpqMessage>?> Look(bool isLast, CancellationToken token)
        {
            self._client.Logger.Reading(self._state.Name.Queue);
            List<TpqMessage> messages = await CallersTransaction.TakeAsync(connection, self._state, max, toTheEnd: isLast, takeIn, token)
                .ConfigureAwait(false);
            foreach (TpqMessage message in messages)
                self._client.Logger.Read(message.Id, self._state.Name.Queue);
            return messages.Count > 0 ? messages : null;
        }
    }

    NpgsqlConnection Connection()
    {
        _client.ThrowIfDisposed();
        return _transaction.HasCompleted()
            ? throw new InvalidOperationException("The transaction was committed or rolled back already.")
            : _transaction.Connection!;
    }
}
