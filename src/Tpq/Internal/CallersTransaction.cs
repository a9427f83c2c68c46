using System.Data;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// Runs tpq's statements in a transaction that the caller began. It is never begun, committed or rolled back here; an error costs the caller
/// this statement alone.
/// </summary>
/// <remarks>
/// A failed statement aborts its whole transaction unless a savepoint stands before it. But every savepoint that writes is a subtransaction,
/// and beyond 64 of them in one transaction the server must look each one up on disk for all other sessions' snapshots. So a savepoint is
/// set only until the client's first success with the queue: what fails after that (a lost connection, a table dropped meanwhile) is rare,
/// and wrong JSON is found before it is sent. In REPEATABLE READ and above a take may always fail, so there it is always set.
/// </remarks>
static class CallersTransaction
{
    // A name that nobody else has: rolling back to a name undoes to the innermost of that name.
    const string Savepoint = "tpq_own_savepoint";

    /// <summary>One statement, with its savepoint in the same round trip.</summary>
    public static async Task<T> RunAsync<T>(
        NpgsqlConnection connection, QueueState queue, IsolationLevel isolation, NpgsqlBatchCommand statement,
        Func<NpgsqlDataReader, Task<T>> read, CancellationToken cancellationToken)
    {
        bool guarded = !queue.ProvenInCallersTransaction || isolation is not (IsolationLevel.ReadCommitted or IsolationLevel.ReadUncommitted);
        NpgsqlBatch batch = connection.CreateBatch();
        await using var _ = batch.ConfigureAwait(false);
        if (guarded)
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"SAVEPOINT {Savepoint}"));
        batch.BatchCommands.Add(statement);
        if (guarded)
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"RELEASE SAVEPOINT {Savepoint}"));
        try
        {
            T result;
            NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                result = await read(reader).ConfigureAwait(false);
                while (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false))
                {
                }
            }
            queue.ProvenInCallersTransaction = true;
            return result;
        }
        catch (PostgresException e)
        {
            if (guarded)
                await UndoAsync(connection, e).ConfigureAwait(false);
            throw Fault.Translate(e, queue, connection.Database);
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
            await UndoAsync(connection, e).ConfigureAwait(false);
            if (e is PostgresException server)
                throw Fault.Translate(server, queue, connection.Database);
            throw;
        }
    }

    static async Task UndoAsync(NpgsqlConnection connection, Exception error)
    {
        // The transaction had failed before we came: there is no savepoint, and nothing of ours to undo.
        if (error is PostgresException { SqlState: PostgresErrorCodes.InFailedSqlTransaction } || connection.State != ConnectionState.Open)
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
