using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Npgsql;
using Tpq.Internal;
using Tpq.Internal.Telemetry;

namespace Tpq;

/// <content>Putting in a transaction of its own, or in the TransactionScope around the call.</content>
public sealed partial class TpqQueue
{
    /// <summary>Puts a message, in a transaction of its own, or in the <see cref="System.Transactions.TransactionScope"/> around the call.</summary>
    /// <param name="json">One JSON value. It is stored as it is: white space, key order, duplicate keys and numbers of any size included.</param>
    /// <param name="cancellationToken">
    /// Looked at before the message is sent, never after: a cancelled put may have happened. There is no timeout.
    /// </param>
    /// <returns>The message's id. 0 where it is not known, because a trigger of the application's has swallowed this message or one sent along with it.</returns>
    /// <remarks>
    /// At most 1 GB of UTF-8 and 5,000 levels of nesting. One round trip. Puts that come while another of this client's into this queue is under way
    /// share a transaction, and so its commit; each returns when it has committed, and an error is only the one's who caused it.
    /// </remarks>
    /// <exception cref="TpqInvalidJsonException">It is not one JSON value. Nothing was sent.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="PostgresException">The server reported an error; nothing was put.</exception>
    /// <exception cref="NpgsqlException">The connection could not be made, or broke; then whether the message was put is unknown.</exception>
    /// <exception cref="TpqException">The server gave up waiting for its synchronous standby: the outcome is unknown.</exception>
    public async Task<long> PutAsync(string json, CancellationToken cancellationToken = default) =>
        await PutCheckedAsync(new CheckedPut(JsonText.Checked(json)), cancellationToken).ConfigureAwait(false);

    /// <inheritdoc cref="PutAsync(string, CancellationToken)"/>
    /// <param name="utf8Json">One JSON value in UTF-8. The memory must not change until the call has returned.</param>
    /// <param name="cancellationToken">Looked at before the message is sent, never after.</param>
    public async Task<long> PutAsync(ReadOnlyMemory<byte> utf8Json, CancellationToken cancellationToken = default) =>
        await PutCheckedAsync(new CheckedPut(JsonText.Checked(utf8Json)), cancellationToken).ConfigureAwait(false);

    /// <inheritdoc cref="PutAsync(string, CancellationToken)"/>
    /// <param name="value">The value; <see langword="null"/> becomes the JSON text <c>null</c>.</param>
    /// <param name="type">The type's contract from a source-generated <c>JsonSerializerContext</c>.</param>
    /// <param name="cancellationToken">Looked at before the message is sent, never after.</param>
    public Task<long> PutAsync<T>(T value, JsonTypeInfo<T> type, CancellationToken cancellationToken = default) =>
        PutAsync(TpqPut.Create(value, type), cancellationToken);

    /// <inheritdoc cref="PutAsync(string, CancellationToken)"/>
    /// <param name="value">The value; <see langword="null"/> becomes the JSON text <c>null</c>.</param>
    /// <param name="options">How to serialize it, by reflection.</param>
    /// <param name="cancellationToken">Looked at before the message is sent, never after.</param>
    [RequiresUnreferencedCode("Serializes by reflection. Use the overload with a JsonTypeInfo in a trimmed application.")]
    [RequiresDynamicCode("Serializes by reflection. Use the overload with a JsonTypeInfo in an ahead-of-time compiled application.")]
    public Task<long> PutAsync<T>(T value, JsonSerializerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return PutAsync((ReadOnlyMemory<byte>)JsonSerializer.SerializeToUtf8Bytes(value, options), cancellationToken);
    }

    /// <inheritdoc cref="PutAsync(string, CancellationToken)"/>
    /// <param name="put">The message.</param>
    /// <param name="cancellationToken">Looked at before the message is sent, never after.</param>
    /// <exception cref="TpqException">The message has headers and the queue, made by the Python tpq, has no column for them.</exception>
    public async Task<long> PutAsync(TpqPut put, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(put);
        return await PutCheckedAsync(put.ToChecked(), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Puts many messages through COPY, in one transaction: all or nothing, in their order, in constant memory.</summary>
    /// <param name="jsons">The messages, each one JSON value.</param>
    /// <param name="cancellationToken">Looked at until COMMIT is sent, never after.</param>
    /// <returns>How many messages were put.</returns>
    /// <exception cref="TpqInvalidJsonException">A text is not one JSON value; its <see cref="TpqInvalidJsonException.Index"/> says which. Nothing was put.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled. Nothing was put.</exception>
    /// <exception cref="PostgresException">The server reported an error; nothing was put.</exception>
    /// <exception cref="NpgsqlException">The connection could not be made, or broke; at COMMIT the outcome is unknown, before that nothing was put.</exception>
    /// <exception cref="TpqException">The server gave up waiting for its synchronous standby: the outcome is unknown.</exception>
    public Task<long> PutManyAsync(IEnumerable<string> jsons, CancellationToken cancellationToken = default) =>
        PutManyAsync(BulkPut.Of(jsons), cancellationToken);

    /// <inheritdoc cref="PutManyAsync(IEnumerable{string}, CancellationToken)"/>
    public Task<long> PutManyAsync(IAsyncEnumerable<string> jsons, CancellationToken cancellationToken = default) =>
        PutManyAsync(BulkPut.Of(jsons), cancellationToken);

    /// <inheritdoc cref="PutManyAsync(IEnumerable{string}, CancellationToken)"/>
    /// <param name="puts">The messages.</param>
    /// <param name="cancellationToken">Looked at until COMMIT is sent, never after.</param>
    public Task<long> PutManyAsync(IEnumerable<TpqPut> puts, CancellationToken cancellationToken = default) =>
        PutManyAsync(BulkPut.Of(puts), cancellationToken);

    /// <inheritdoc cref="PutManyAsync(IEnumerable{TpqPut}, CancellationToken)"/>
    public Task<long> PutManyAsync(IAsyncEnumerable<TpqPut> puts, CancellationToken cancellationToken = default) =>
        PutManyAsync(BulkPut.Of(puts), cancellationToken);

    /// <summary>Puts in the transaction in which a connection is, whoever began it: for Tpq.EntityFrameworkCore.</summary>
    internal async Task<long> PutCheckedAsync(NpgsqlConnection connection, CheckedPut put, CancellationToken cancellationToken)
    {
        Client.ThrowIfDisposed();
        return await CallersTransaction.PutAsync(Client, connection, _state, put, cancellationToken).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    async ValueTask<long> PutCheckedAsync(CheckedPut put, CancellationToken cancellationToken)
    {
        Client.ThrowIfDisposed();
        if (AmbientTransaction.Find(Client) is { } ambient)
            return await ambient.PutAsync(_state, put, cancellationToken).ConfigureAwait(false);
        Client.Logger.Writing(Name);
        using Operation? send = Operation.BeginSend(_state);
        try
        {
            if (send is { TraceParent: not null } && await _state.Carrier.CanCarryAsync(Client, cancellationToken).ConfigureAwait(false))
                put = TraceContext.Add(put, send);
            long id = await _state.Puts.PutAsync(put, cancellationToken).ConfigureAwait(false);
            send?.Succeeded(id: id);
            Client.Logger.Written(id, Name);
            return id;
        }
        catch (Exception e)
        {
            send?.Failed(e);
            Fault.ThrowTranslated(e, _state, Client.Database);
            throw;
        }
    }

    Task<long> PutManyAsync(BulkPut bulk, CancellationToken cancellationToken) => BulkPut.RunAsync(_state, send => TranslatedAsync(async () =>
    {
        Client.Logger.Writing(Name);
        long count = AmbientTransaction.Find(Client) is { } ambient
            ? await ambient.RunGuardedAsync(_state, connection => bulk.CopyGentlyAsync(connection, _state, send, cancellationToken), cancellationToken).ConfigureAwait(false)
            : await CopyAsync(bulk, send, cancellationToken).ConfigureAwait(false);
        Client.Logger.WrittenMany(count, Name);
        return count;
    }));

    async Task<long> CopyAsync(BulkPut bulk, Operation? send, CancellationToken cancellationToken)
    {
        OwnTransaction own = await OwnTransaction.BeginAsync(Client, cancellationToken).ConfigureAwait(false);
        await using var _ = own.ConfigureAwait(false);
        long count = await bulk.CopyAsync(own.Connection, _state, send, cancellationToken).ConfigureAwait(false);
        await own.CommitAsync(cancellationToken).ConfigureAwait(false);
        return count;
    }
}
