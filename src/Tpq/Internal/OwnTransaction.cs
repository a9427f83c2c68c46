using System.Data;
using System.Runtime.CompilerServices;
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
    /// <summary>A take by the primary key that lasts longer is suspected of a bad plan.</summary>
    static readonly TimeSpan Suspicious = TimeSpan.FromMilliseconds(20);

    readonly TpqClient _client;
    readonly NpgsqlTransaction _transaction;

    /// <summary>What was taken, to be remembered should it go back.</summary>
    QueueState? _queue;
    IReadOnlyList<TpqMessage> _taken = [];
    bool _ended;

    OwnTransaction(TpqClient client, NpgsqlConnection connection, NpgsqlTransaction transaction)
    {
        _client = client;
        Connection = connection;
        _transaction = transaction;
    }

    public NpgsqlConnection Connection { get; }

    /// <exception cref="InvalidOperationException">It has ended, and the driver's object is now another transaction's.</exception>
    public NpgsqlTransaction Transaction => Successor is null ? _transaction
        : throw new InvalidOperationException("It was committed already, and the next message has been taken on its connection.");

    /// <summary>Whether it was committed or rolled back, by us or by the user who called <see cref="Transaction"/>'s own method.</summary>
    public bool HasEnded => _ended || Connection.State != ConnectionState.Open || _transaction.HasCompleted();

    /// <summary>Whether its commit carries the next take; see <see cref="Successor"/>.</summary>
    public bool TakesNext { get; set; }

    /// <summary>The next transaction on the same connection, begun together with the commit of this one; null where there is none.</summary>
    public PendingTake? Successor { get; private set; }

    /// <summary>Begins one. BEGIN costs no round trip of its own: the driver sends it with the first statement.</summary>
    public static async Task<OwnTransaction> BeginAsync(TpqClient client, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await client.DataSource.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            NpgsqlTransaction transaction =
                await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken).ConfigureAwait(false);
            return new OwnTransaction(client, connection, transaction);
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Runs a statement in a transaction of its own, in one round trip, and returns its first value, a bigint, or 0 where it has no row.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public static async ValueTask<long> RunAsync(TpqClient client, NpgsqlBatchCommand statement, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await client.DataSource.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        return (await RunAsync(client, connection, [statement], cancellationToken).ConfigureAwait(false))[0];
    }

    /// <summary>Runs statements in one transaction, in one round trip, and returns the first value of each, a bigint, or 0 where it has no row.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public static async ValueTask<long[]> RunAsync(
        TpqClient client, NpgsqlConnection connection, IReadOnlyList<NpgsqlBatchCommand> statements, CancellationToken cancellationToken)
    {
        NpgsqlBatch batch = connection.CreateBatch();
        await using var _ = batch.ConfigureAwait(false);
        batch.Timeout = 0;
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.Begin));
        foreach (NpgsqlBatchCommand statement in statements)
            batch.BatchCommands.Add(statement);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.CommitGuard));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.Commit));
        using var watch = new CommitWatch(connection);
        await client.Statements.PrepareAsync(batch, cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        long[] results = await ResultsAsync(batch, statements.Count).ConfigureAwait(false);
        watch.ThrowIfOutcomeUnknown();
        return results;
    }

    /// <summary>Takes messages, which it holds then.</summary>
    public async Task<List<TpqMessage>> TakeAsync(QueueState queue, int max, bool toTheEnd, CancellationToken cancellationToken)
    {
        List<TpqMessage> found = await Take.RunAsync(
            queue, max, toTheEnd, TakeIn.Own, statement => ExecuteAsync(statement, cancellationToken)).ConfigureAwait(false);
        Hold(queue, found);
        return found;
    }

    /// <summary>Runs one statement, without a timeout, and returns how many rows it touched.</summary>
    public async Task<long> ExecuteAsync(NpgsqlBatchCommand statement, CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(Connection, _transaction) { Timeout = 0 };
        await using var _ = batch.ConfigureAwait(false);
        batch.BatchCommands.Add(statement);
        await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        return (long)statement.Rows;
    }

    /// <summary>Commits, and gives the connection back, or on to <see cref="Successor"/>.</summary>
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
            PendingTake? next = TakesNext && _queue is { Head.IsPlain: true } ? new PendingTake(this, _queue) : null;
            await SendCommitAsync(next).ConfigureAwait(false);
            _taken = [];
            Successor = next;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InFailedSqlTransaction)
        {
            throw new TpqException(
                "The transaction cannot be committed, because a statement in it failed before: all its writes are undone, and what was taken is back.", e);
        }
        finally
        {
            if (Successor is null)
                await ReleaseAsync().ConfigureAwait(false);
        }
        watch.ThrowIfOutcomeUnknown();
    }

    /// <summary>The transaction that the driver has begun anew on the same connection, with what was taken in it.</summary>
    public OwnTransaction Continue(QueueState queue, List<TpqMessage> found)
    {
        var next = new OwnTransaction(_client, Connection, _transaction) { TakesNext = true };
        next.Hold(queue, found);
        return next;
    }

    /// <summary>Rolls back what was not committed. Never throws: a connection that is broken has rolled back by breaking.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_ended)
            return;
        _ended = true;
        await ReleaseAsync().ConfigureAwait(false);
    }

    void Hold(QueueState queue, List<TpqMessage> found)
    {
        _queue = queue;
        _taken = found;
    }

    async Task<List<TpqMessage>> ExecuteAsync(TakeStatement statement, CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(Connection, _transaction);
        await using var _ = batch.ConfigureAwait(false);
        statement.AddTo(batch);
        await _client.Statements.PrepareAsync(batch, cancellationToken).ConfigureAwait(false);
        long began = _client.Time.GetTimestamp();
        List<TpqMessage> found;
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
            found = await statement.ReadAsync(reader, cancellationToken).ConfigureAwait(false);
        if (_client.Time.GetElapsedTime(began) > Suspicious)
            await _client.Statements.ReplanAsync(batch).ConfigureAwait(false);
        return found;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    async ValueTask SendCommitAsync(PendingTake? next)
    {
        NpgsqlBatch batch = Connection.CreateBatch();
        batch.Timeout = 0;
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.CommitGuard));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.Commit));
        if (next is not null)
        {
            await next.SendAfterCommitAsync(batch, _client.Statements).ConfigureAwait(false);
            return;
        }
        await using var _ = batch.ConfigureAwait(false);
        await _client.Statements.PrepareAsync(batch, CancellationToken.None).ConfigureAwait(false);
        await batch.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
    }

    async Task ReleaseAsync()
    {
        try
        {
            await _transaction.DisposeAsync().ConfigureAwait(false);
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
        foreach (TpqMessage message in _taken)
            _queue!.Head.Remember(message.Id);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    static async ValueTask<long[]> ResultsAsync(NpgsqlBatch batch, int statements)
    {
        long[] results = new long[statements];
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync(CancellationToken.None).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            for (int i = 0; i < statements; i++)
            {
                if (await reader.ReadAsync(CancellationToken.None).ConfigureAwait(false))
                    results[i] = reader.GetInt64(0);
                // An error at COMMIT, of a deferred constraint say, shows only behind the last one.
                await reader.NextResultAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
        return results;
    }
}
