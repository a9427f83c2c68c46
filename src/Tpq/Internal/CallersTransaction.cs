using System.Data;
using Npgsql;
using Tpq.Internal.Telemetry;

namespace Tpq.Internal;

/// <summary>
/// Runs tpq's statements in a transaction that the caller began. It is never begun, committed or rolled back here; an error costs the caller
/// this statement alone.
/// </summary>
/// <remarks>
/// A failed statement aborts its whole transaction unless a savepoint stands before it. But every savepoint that writes is a subtransaction,
/// and beyond 64 of them in one transaction the server must look each one up on disk for all other sessions' snapshots. A transaction takes few
/// messages, and a take may always fail (in REPEATABLE READ, or by a stale plan), so takes have one always. A transaction may put many, so a put
/// has one only until the client's first success with that statement: what fails later (a cancelled call, a table dropped meanwhile) is rare,
/// and wrong JSON is found before it is sent.
/// </remarks>
static class CallersTransaction
{
    // A name that nobody else has: rolling back to a name undoes to the innermost of that name.
    const string Savepoint = "tpq_own_savepoint";

    public static async Task<long> PutAsync(
        TpqClient client, NpgsqlConnection connection, QueueState queue, CheckedPut put, CancellationToken cancellationToken)
    {
        client.Logger.Writing(queue.Name.Queue);
        using Operation? send = Operation.BeginSend(queue);
        try
        {
            if (send is { TraceParent: not null } && await queue.Carrier.CanCarryAsync(connection).ConfigureAwait(false))
                put = TraceContext.Add(put, send);
            long id = await PutAsync(connection, queue, PutStatement.Of(queue.Sql, put), cancellationToken).ConfigureAwait(false);
            send?.Succeeded(id: id);
            client.Logger.Written(id, queue.Name.Queue);
            return id;
        }
        catch (Exception e)
        {
            send?.Failed(e);
            throw;
        }
    }

    static async Task<long> PutAsync(
        NpgsqlConnection connection, QueueState queue, NpgsqlBatchCommand put, CancellationToken cancellationToken)
    {
        bool proven = queue.ProvenPuts.ContainsKey(put.CommandText);
        try
        {
            long id = await RunAsync(connection, queue, batch => batch.BatchCommands.Add(put), !proven, ReadIdAsync, cancellationToken).ConfigureAwait(false);
            queue.ProvenPuts.TryAdd(put.CommandText, true);
            return id;
        }
        catch
        {
            queue.ProvenPuts.TryRemove(put.CommandText, out _);
            throw;
        }
    }

    public static async Task<List<TpqMessage>> TakeAsync(
        NpgsqlConnection connection, QueueState queue, int max, bool toTheEnd, TakeIn takeIn, CancellationToken cancellationToken)
    {
        for (int stalePlans = 0; ; stalePlans++)
        {
            try
            {
                return await Take.RunAsync(queue, max, toTheEnd, takeIn, statement => RunAsync(connection, queue, batch => statement.AddTo(batch), guarded: true,
                    reader => statement.ReadAsync(reader, cancellationToken), cancellationToken)).ConfigureAwait(false);
            }
            catch (PostgresException e) when (stalePlans < Fault.MostStalePlans && Fault.IsStalePlan(e))
            {
            }
        }
    }

    /// <summary>More than one round trip (COPY), always with a savepoint: it is one for many messages.</summary>
    public static async Task<T> RunGuardedAsync<T>(NpgsqlConnection connection, QueueState queue, Func<Task<T>> work)
    {
        await ExecuteAsync(connection, $"SAVEPOINT {Savepoint}").ConfigureAwait(false);
        try
        {
            T result = await work().ConfigureAwait(false);
            await ExecuteAsync(connection, $"RELEASE SAVEPOINT {Savepoint}").ConfigureAwait(false);
            return result;
        }
        catch (Exception e)
        {
            await UndoAsync(connection).ConfigureAwait(false);
            Fault.ThrowTranslated(e, queue, connection.Database);
            throw;
        }
    }

    static async ValueTask<long> ReadIdAsync(NpgsqlDataReader reader)
    {
        await reader.ReadAsync().ConfigureAwait(false);
        return reader.GetInt64(0);
    }

    /// <summary>Statements that belong together, with their savepoint in the same round trip.</summary>
    static async ValueTask<T> RunAsync<T>(
        NpgsqlConnection connection, QueueState queue, Action<NpgsqlBatch> statements, bool guarded,
        Func<NpgsqlDataReader, ValueTask<T>> read, CancellationToken cancellationToken)
    {
        NpgsqlBatch batch = connection.CreateBatch();
        await using var _ = batch.ConfigureAwait(false);
        if (guarded)
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"SAVEPOINT {Savepoint}"));
        statements(batch);
        if (guarded)
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"RELEASE SAVEPOINT {Savepoint}"));
        try
        {
            NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using var __ = reader.ConfigureAwait(false);
            T result = await read(reader).ConfigureAwait(false);
            while (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false))
            {
            }
            return result;
        }
        catch (Exception e)
        {
            if (guarded && await HasFailedAsync(connection, e).ConfigureAwait(false))
                await UndoAsync(connection).ConfigureAwait(false);
            Fault.ThrowTranslated(e, queue, connection.Database);
            throw;
        }
    }

    /// <summary>Whether the transaction has failed behind our savepoint. Undoing to a savepoint that was never set would fail it.</summary>
    static async Task<bool> HasFailedAsync(NpgsqlConnection connection, Exception error)
    {
        // One that had failed before we came has no savepoint of ours.
        if (error is PostgresException server)
            return server.SqlState != PostgresErrorCodes.InFailedSqlTransaction;
        try
        {
            // Cancelled or timed out: on the server, which has failed the transaction, or before it was sent, which has not.
            await ExecuteAsync(connection, "SELECT 1").ConfigureAwait(false);
            return false;
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            return true;
        }
    }

    static async Task UndoAsync(NpgsqlConnection connection)
    {
        if (connection.State != ConnectionState.Open)
            return;
        try
        {
            await ExecuteAsync(connection, $"ROLLBACK TO SAVEPOINT {Savepoint}; RELEASE SAVEPOINT {Savepoint}").ConfigureAwait(false);
        }
        catch (NpgsqlException)
        {
            // The connection went too. The caller gets the first error, which says why.
        }
    }

    static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        NpgsqlCommand command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
    }
}
