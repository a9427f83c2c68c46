using System.Runtime.ExceptionServices;
using Npgsql;
using NpgsqlTypes;
using Tpq.Internal.Telemetry;

namespace Tpq.Internal;

/// <summary>Streams messages into a queue through binary COPY: the server's fastest way in, with no statement and no reply for each.</summary>
/// <remarks>
/// The trigger is an event for each row, kept in the server's memory until COMMIT. So the first two messages are put by themselves, and ring for
/// all; the trigger's condition, which is looked at for each row as it comes, keeps silent about the others. The setting behind it is the transaction's, which may
/// be the caller's: it gets its former value back as soon as the rows are in.
/// </remarks>
sealed class BulkPut(IAsyncEnumerable<TpqPut> puts)
{
    /// <summary>The second one tells that there are more than one.</summary>
    const int Loud = 2;

    /// <summary>How many messages that are not ready are sent in one statement; they are kept in memory until then.</summary>
    const int MostLater = 500;

    public static BulkPut Of(IEnumerable<string> jsons)
    {
        ArgumentNullException.ThrowIfNull(jsons);
        return new BulkPut(Streamed(jsons.Select(static json => json is null ? null! : new TpqPut(json))));
    }

    public static BulkPut Of(IAsyncEnumerable<string> jsons)
    {
        ArgumentNullException.ThrowIfNull(jsons);
        return new BulkPut(jsons.Select(static json => json is null ? null! : new TpqPut(json)));
    }

    public static BulkPut Of(IEnumerable<TpqPut> puts)
    {
        ArgumentNullException.ThrowIfNull(puts);
        return new BulkPut(Streamed(puts));
    }

    public static BulkPut Of(IAsyncEnumerable<TpqPut> puts)
    {
        ArgumentNullException.ThrowIfNull(puts);
        return new BulkPut(puts);
    }

    /// <summary>Runs a put as one operation, and lets an error of the caller's source through as it was: until here it must not be taken for one of the queue's.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="put">Copies in a transaction, and returns how many messages there were.</param>
    public static async Task<long> RunAsync(QueueState queue, Func<Operation?, Task<long>> put)
    {
        using Operation? send = Operation.BeginSend(queue);
        try
        {
            long count = await put(send).ConfigureAwait(false);
            send?.Succeeded(count);
            return count;
        }
        catch (SourceException e)
        {
            send?.Failed(e.InnerException!);
            ExceptionDispatchInfo.Throw(e.InnerException!);
            throw;
        }
        catch (Exception e)
        {
            send?.Failed(e);
            throw;
        }
    }

    /// <summary>As <see cref="CopyAsync(NpgsqlConnection, QueueState, Operation, CancellationToken)"/>, but a cancelled COPY, for which the driver closes the connection, is ended in order.</summary>
    public Task<long> CopyGentlyAsync(NpgsqlConnection connection, QueueState queue, Operation? send, CancellationToken cancellationToken) =>
        CopyAsync(connection, queue, send, cancellationToken, CancellationToken.None);

    /// <summary>Copies on a connection whose transaction is open, and returns how many messages there were.</summary>
    /// <remarks>
    /// A COPY has fixed columns. It has the payload alone, which every queue has, and goes on in a second COPY with headers from the first message
    /// that has some: so only those need a queue with a column for them.
    /// </remarks>
    public Task<long> CopyAsync(NpgsqlConnection connection, QueueState queue, Operation? send, CancellationToken cancellationToken) =>
        CopyAsync(connection, queue, send, cancellationToken, cancellationToken);

    async Task<long> CopyAsync(NpgsqlConnection connection, QueueState queue, Operation? send, CancellationToken cancellationToken, CancellationToken breaking)
    {
        Sql sql = queue.Sql;
        if (send is { TraceParent: null } || (send is not null && !await queue.Carrier.CanCarryAsync(connection).ConfigureAwait(false)))
            send = null;
        long count = 0, loud = 0;
        Copy? copy = null;
        var later = new List<CheckedPut>();
        string quiet = "";
        IAsyncEnumerator<TpqPut> source = puts.GetAsyncEnumerator(cancellationToken);
        await using var _ = source.ConfigureAwait(false);
        try
        {
            while (await NextAsync(source).ConfigureAwait(false))
            {
                cancellationToken.ThrowIfCancellationRequested();
                CheckedPut put = Checked(source.Current, count++);
                if (send is not null)
                    put = TraceContext.Add(put, send);
                if (put.IsLater)
                {
                    later.Add(put);
                    if (later.Count == MostLater)
                    {
                        await EndCopyAsync().ConfigureAwait(false);
                        await PutLaterAsync(connection, sql, later, breaking).ConfigureAwait(false);
                    }
                    continue;
                }
                if (loud++ < Loud)
                {
                    quiet = await PutAsync(connection, PutStatement.Of(sql, put), isLast: loud == Loud, breaking).ConfigureAwait(false);
                    continue;
                }
                if (copy is { HasHeaders: false } && put.Headers is not null)
                    await EndCopyAsync().ConfigureAwait(false);
                copy ??= await Copy.BeginAsync(connection, sql, put.Headers is not null, breaking).ConfigureAwait(false);
                await copy.WriteAsync(put.Utf8, put.Headers, breaking).ConfigureAwait(false);
            }
            cancellationToken.ThrowIfCancellationRequested();
            await EndCopyAsync().ConfigureAwait(false);
            if (later.Count > 0)
                await PutLaterAsync(connection, sql, later, breaking).ConfigureAwait(false);
            if (loud >= Loud)
                await SetQuietAsync(connection, quiet, breaking).ConfigureAwait(false);
            return count;
        }
        catch
        {
            if (copy is not null)
                await copy.AbandonAsync().ConfigureAwait(false);
            throw;
        }

        // The connection does one thing at a time.
        async Task EndCopyAsync()
        {
            if (copy is not null)
                await copy.CompleteAsync(breaking).ConfigureAwait(false);
            copy = null;
        }
    }

    /// <param name="connection">The connection.</param>
    /// <param name="put">Puts a message that rings.</param>
    /// <param name="isLast">Whether it is the last one that does, so that the setting that keeps the bell silent is to be on from here.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <returns>The former value of the setting.</returns>
    static async Task<string> PutAsync(NpgsqlConnection connection, NpgsqlBatchCommand put, bool isLast, CancellationToken cancellationToken)
    {
        NpgsqlBatch batch = connection.CreateBatch();
        await using var _ = batch.ConfigureAwait(false);
        batch.Timeout = 0;
        batch.BatchCommands.Add(put);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.Quiet));
        if (isLast)
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.SetQuiet) { Parameters = { new() { Value = "on" } } });
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var __ = reader.ConfigureAwait(false);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        string former = reader.GetString(0);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        return former;
    }

    /// <summary>What is not ready goes elsewhere, under ids that COPY cannot draw and times that the server reckons.</summary>
    static async Task PutLaterAsync(NpgsqlConnection connection, Sql sql, List<CheckedPut> later, CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection) { Timeout = 0 };
        await using var _ = batch.ConfigureAwait(false);
        batch.BatchCommands.Add(PutStatement.Later(sql, later));
        await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        later.Clear();
    }

    static async Task SetQuietAsync(NpgsqlConnection connection, string value, CancellationToken cancellationToken)
    {
        NpgsqlCommand command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = Sql.SetQuiet;
        command.Parameters.Add(new() { Value = value });
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    static async Task<bool> NextAsync(IAsyncEnumerator<TpqPut> source)
    {
        try
        {
            return await source.MoveNextAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw new SourceException(e);
        }
    }

    static CheckedPut Checked(TpqPut? put, long index)
    {
        if (put is null)
            throw new ArgumentException($"Message {index} of the input, counted from 0, is null.");
        try
        {
            return put.ToChecked();
        }
        catch (TpqInvalidJsonException e)
        {
            throw e.At(index);
        }
    }

    // An enumerable of the caller's may block or throw; it is not run ahead of the COPY.
    static async IAsyncEnumerable<TpqPut> Streamed(IEnumerable<TpqPut> puts)
    {
        foreach (TpqPut put in puts)
            yield return put;
        await Task.CompletedTask.ConfigureAwait(false);
    }

    sealed class Copy(NpgsqlBinaryImporter importer, bool hasHeaders)
    {
        public bool HasHeaders => hasHeaders;

        public static async Task<Copy> BeginAsync(NpgsqlConnection connection, Sql sql, bool withHeaders, CancellationToken cancellationToken)
        {
            NpgsqlBinaryImporter importer = await connection
                .BeginBinaryImportAsync(withHeaders ? sql.CopyWithHeaders : sql.Copy, cancellationToken).ConfigureAwait(false);
            importer.Timeout = TimeSpan.Zero;
            return new Copy(importer, withHeaders);
        }

        public async Task WriteAsync(ReadOnlyMemory<byte> utf8, ReadOnlyMemory<byte>? headers, CancellationToken cancellationToken)
        {
            await importer.StartRowAsync(cancellationToken).ConfigureAwait(false);
            await importer.WriteAsync(utf8, NpgsqlDbType.Json, cancellationToken).ConfigureAwait(false);
            if (!hasHeaders)
                return;
            if (headers is { } given)
                await importer.WriteAsync(given, NpgsqlDbType.Json, cancellationToken).ConfigureAwait(false);
            else
                await importer.WriteNullAsync(cancellationToken).ConfigureAwait(false);
        }

        public async Task CompleteAsync(CancellationToken cancellationToken)
        {
            await importer.CompleteAsync(cancellationToken).ConfigureAwait(false);
            await importer.DisposeAsync().ConfigureAwait(false);
        }

        /// <summary>Tells the server that the COPY has failed on this side.</summary>
        public async Task AbandonAsync()
        {
            try
            {
                await importer.DisposeAsync().ConfigureAwait(false);
            }
            catch (NpgsqlException)
            {
                // The COPY had failed on the other side, which is the error that the caller gets.
            }
        }
    }

    sealed class SourceException(Exception error) : Exception(null, error);
}
