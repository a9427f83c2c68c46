using System.Data;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// A connection and a transaction of tpq's own: what a delivery or a batch holds while it is in hand. Ended once, by a commit or by dispose.
/// </summary>
/// <remarks>
/// A commit is never cancelled or timed out once it is sent: PostgreSQL might have committed all the same. Until then dispose rolls back.
/// </remarks>
sealed class OwnTransaction : IAsyncDisposable
{
    bool _ended;

    OwnTransaction(NpgsqlConnection connection, NpgsqlTransaction transaction)
    {
        Connection = connection;
        Transaction = transaction;
    }

    public NpgsqlConnection Connection { get; }

    public NpgsqlTransaction Transaction { get; }

    /// <summary>Whether it was committed or rolled back, by us or by the user who called <see cref="Transaction"/>'s own method.</summary>
    public bool HasEnded => _ended || Connection.State != ConnectionState.Open || Transaction.HasCompleted();

    /// <summary>Begins one. BEGIN costs no round trip of its own: the driver sends it with the first statement.</summary>
    public static async Task<OwnTransaction> BeginAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await dataSource.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            NpgsqlTransaction transaction =
                await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken).ConfigureAwait(false);
            return new OwnTransaction(connection, transaction);
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Runs statements in a transaction of their own, all in one round trip, and returns the first value or the number of rows.</summary>
    public static async Task<long> RunAsync(NpgsqlDataSource dataSource, NpgsqlBatchCommand statement, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await dataSource.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        NpgsqlBatch batch = connection.CreateBatch();
        await using var __ = batch.ConfigureAwait(false);
        batch.Timeout = 0;
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.Begin));
        batch.BatchCommands.Add(statement);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.CommitGuard));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.Commit));
        using var watch = new CommitWatch(connection);
        cancellationToken.ThrowIfCancellationRequested();
        long result = await ScalarOrRowsAsync(batch, statement).ConfigureAwait(false);
        watch.ThrowIfOutcomeUnknown();
        return result;
    }

    /// <summary>Runs one statement, without a timeout, and returns how many rows it touched.</summary>
    public async Task<long> ExecuteAsync(NpgsqlBatchCommand statement, CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(Connection, Transaction) { Timeout = 0 };
        await using var _ = batch.ConfigureAwait(false);
        batch.BatchCommands.Add(statement);
        await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        return (long)statement.Rows;
    }

    /// <summary>Commits, and gives the connection back.</summary>
    /// <exception cref="InvalidOperationException">The transaction has ended already.</exception>
    /// <exception cref="TpqException">The connection was lost, a statement had failed, or the outcome is unknown.</exception>
    public async Task CommitAsync(CancellationToken cancellationToken)
    {
        if (!_ended && Connection.State != ConnectionState.Open)
            throw new TpqException("The connection was lost or closed: all writes are undone, and what was taken is back.");
        if (HasEnded)
            throw new InvalidOperationException("It was committed or given back already.");
        cancellationToken.ThrowIfCancellationRequested();
        _ended = true;
        using var watch = new CommitWatch(Connection);
        try
        {
            NpgsqlBatch batch = Connection.CreateBatch();
            await using var _ = batch.ConfigureAwait(false);
            batch.Timeout = 0;
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.CommitGuard));
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.Commit));
            await batch.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InFailedSqlTransaction)
        {
            throw new TpqException(
                "The transaction cannot be committed, because a statement in it failed before: all its writes are undone, and what was taken is back.", e);
        }
        finally
        {
            await ReleaseAsync().ConfigureAwait(false);
        }
        watch.ThrowIfOutcomeUnknown();
    }

    /// <summary>Rolls back what was not committed. Never throws: a connection that is broken has rolled back by breaking.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_ended)
            return;
        _ended = true;
        await ReleaseAsync().ConfigureAwait(false);
    }

    async Task ReleaseAsync()
    {
        try
        {
            await Transaction.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The connection is broken, or a statement of the handler's still runs on it. Closing it ends the transaction either way.
        }
        try
        {
            await Connection.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // As above; nothing is left that could be closed.
        }
    }

    static async Task<long> ScalarOrRowsAsync(NpgsqlBatch batch, NpgsqlBatchCommand statement)
    {
        long? scalar = null;
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync(CancellationToken.None).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            if (await reader.ReadAsync(CancellationToken.None).ConfigureAwait(false))
                scalar = reader.GetInt64(0);
            // An error at COMMIT, of a deferred constraint say, shows only here.
            while (await reader.NextResultAsync(CancellationToken.None).ConfigureAwait(false))
            {
            }
        }
        return scalar ?? (long)statement.Rows;
    }
}
