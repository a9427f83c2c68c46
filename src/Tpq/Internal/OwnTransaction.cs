using System.Data;
using System.Runtime.CompilerServices;
using Npgsql;
using Tpq.Internal.Telemetry;

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

    readonly OwnConnection _connection;
    readonly NpgsqlTransaction _transaction;

    /// <summary>What was taken, to be remembered should it go back.</summary>
    QueueState? _queue;
    List<TpqMessage> _taken = [];
    bool _ended;
    int _inHand;

    bool _wasLost;

    ChainCommands? _chain;

    OwnTransaction(TpqClient client, OwnConnection connection, NpgsqlTransaction transaction)
    {
        Client = client;
        _connection = connection;
        _transaction = transaction;
    }

    public TpqClient Client { get; }

    public NpgsqlConnection Connection => _connection.Connection;

    /// <summary>The queue of what is held.</summary>
    public QueueState Queue => _queue!;

    /// <summary>Whether our own commit has succeeded, or another end of ours by which the message is dealt with.</summary>
    public bool IsSettled { get; private set; }

    /// <summary>
    /// What a message that was counted in advance goes back with, see <see cref="Suspects"/>; null for a rollback, which gives back what was
    /// taken as it was.
    /// </summary>
    public int? AttemptsToGoBackWith { get; set; }

    /// <summary>The driver's transaction. Once this one has ended, that object, like the connection, may be another message's: see <see cref="Lend"/>.</summary>
    public NpgsqlTransaction Transaction => _transaction;

    /// <summary>Whether it was committed or rolled back, by us or by the user who called <see cref="Transaction"/>'s own method.</summary>
    public bool HasEnded => _ended || Connection.State != ConnectionState.Open || _transaction.HasCompleted();

    /// <summary>Whether its connection has gone before it ended, or while it did.</summary>
    public bool IsLost => _wasLost || (!_ended && Connection.State != ConnectionState.Open);

    /// <summary>Whether there is a savepoint before what the handler does.</summary>
    public bool IsLent { get; private set; }

    /// <summary>How many messages at most are to be taken on its connection next; see <see cref="Successor"/>. Zero (default): none, and the connection is given back.</summary>
    public int TakesNext { get; set; }

    /// <summary>Has the commit take the next messages along for a consumer, unless that stops or the queue is paused.</summary>
    public void TakeNext(int max, CancellationToken stop) => TakesNext = stop.IsCancellationRequested || Queue.Later.IsPaused ? 0 : max;

    /// <summary>The next take on the same connection; null where there is none.</summary>
    public PendingTake? Successor { get; private set; }

    /// <summary>What is sent to end this one and to take the next, from one to the next on the same connection.</summary>
    public ChainCommands Chain => _chain ??= new ChainCommands();

    /// <summary>Begins one. BEGIN costs no round trip of its own: the driver sends it with the first statement.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public static async ValueTask<OwnTransaction> BeginAsync(TpqClient client, CancellationToken cancellationToken)
    {
        OwnConnection connection = await client.OwnConnections.OpenAsync(cancellationToken).ConfigureAwait(false);
        return await BeginAsync(client, connection, cancellationToken).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    static async ValueTask<OwnTransaction> BeginAsync(TpqClient client, OwnConnection connection, CancellationToken cancellationToken)
    {
        connection.IsClean = false;
        try
        {
            NpgsqlTransaction transaction =
                await connection.Connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken).ConfigureAwait(false);
            return new OwnTransaction(client, connection, transaction);
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Takes messages, which it holds then.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<List<TpqMessage>> TakeAsync(QueueState queue, int max, bool toTheEnd, CancellationToken cancellationToken)
    {
        List<TpqMessage> found = await Take.RunAsync(
            queue, max, toTheEnd, TakeIn.Own, statement => ExecuteAsync(statement, cancellationToken)).ConfigureAwait(false);
        Hold(queue, found);
        return found;
    }

    /// <summary>Takes one message by its id, if nobody has it in hand.</summary>
    public async Task<TpqMessage?> TakeIdAsync(QueueState queue, long id)
    {
        // No scan: nothing comes behind the last id there is.
        var nowhere = new Scan(long.MaxValue, IsBack: false, Client.Time.GetTimestamp());
        List<TpqMessage> found = await ExecuteAsync(new TakeStatement(queue, 1, nowhere, [id], TakeIn.Own), CancellationToken.None).ConfigureAwait(false);
        Hold(queue, found);
        return found.Count == 0 ? null : found[0];
    }

    /// <summary>Runs one statement, without a timeout, and returns how many rows it touched.</summary>
    public async Task<long> ExecuteAsync(NpgsqlBatchCommand statement, CancellationToken cancellationToken)
    {
        NpgsqlBatch batch = Connection.CreateBatch();
        batch.Timeout = 0;
        await using var _ = batch.ConfigureAwait(false);
        batch.BatchCommands.Add(statement);
        await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        return (long)statement.Rows;
    }

    /// <summary>Hands connection and transaction to a handler, behind a savepoint: the message can then outlive what is written and fails.</summary>
    /// <remarks>
    /// It costs no round trip, for the driver sends it along with the next statement, or <see cref="PendingTake"/> has set it already; and nothing at all
    /// handlers that write elsewhere, or only read their messages.
    /// </remarks>
    /// <exception cref="InvalidOperationException">It has ended.</exception>
    public OwnTransaction Lend()
    {
        if (_ended)
            throw new InvalidOperationException("It was committed or given back already, and its connection and transaction may be another message's.");
        if (!IsLent && !HasEnded)
        {
            _chain = null;
            _transaction.Save(Sql.HandlerSavepoint);
            IsLent = _connection.WasLent = true;
        }
        return this;
    }

    /// <summary>Undoes what the handler wrote.</summary>
    /// <exception cref="InvalidOperationException">The transaction has ended already.</exception>
    /// <exception cref="TpqException">The connection was lost.</exception>
    public async Task UndoHandlerAsync(CancellationToken cancellationToken)
    {
        ThrowIfEnded();
        if (!IsLent)
            return;
        await _transaction.RollbackAsync(Sql.HandlerSavepoint, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Commits, and gives the connection back, or on to <see cref="Successor"/>.</summary>
    /// <exception cref="InvalidOperationException">The transaction has ended already.</exception>
    /// <exception cref="TpqException">The connection was lost, a statement had failed, or the outcome is unknown.</exception>
    public async Task CommitAsync(CancellationToken cancellationToken)
    {
        ThrowIfEnded();
        cancellationToken.ThrowIfCancellationRequested();
        using Operation? settle = _queue is null ? null : Operation.BeginSettle(_queue, "commit", _taken);
        PendingTake? next = TakesNext > 0 ? PlanNext() : null;
        try
        {
            await EndAsync([], next).ConfigureAwait(false);
            settle?.Succeeded();
        }
        catch (Exception e)
        {
            next?.Abandon();
            settle?.Failed(e);
            throw;
        }
    }

    /// <summary>Undoes what the handler wrote, runs statements and commits, in one round trip.</summary>
    /// <inheritdoc cref="CommitAsync"/>
    public async Task EndAsync(NpgsqlBatchCommand[] statements, CancellationToken cancellationToken)
    {
        ThrowIfEnded();
        cancellationToken.ThrowIfCancellationRequested();
        await EndAsync(IsLent ? [new NpgsqlBatchCommand(Sql.UndoHandler), .. statements] : statements, next: null).ConfigureAwait(false);
    }

    /// <summary>A look back is not made together with a commit: it may take long, and is timed.</summary>
    PendingTake? PlanNext()
    {
        Scan? along = Client.OwnConnections.MayGoOn(_connection) ? Queue.Head.BeginAlong(TakesNext) : null;
        return along is not null || Client.OwnConnections.MayPause(_connection) ? new PendingTake(this, Queue, TakesNext, along) : null;
    }

    void ThrowIfEnded()
    {
        if (!_ended && IsLost)
            throw new TpqException("The connection was lost or closed: all writes are undone, and what was taken is back.");
        if (HasEnded)
            throw new InvalidOperationException("It was committed or given back already.");
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    async ValueTask EndAsync(NpgsqlBatchCommand[] statements, PendingTake? next)
    {
        _ended = true;
        using var watch = new CommitWatch(Connection);
        try
        {
            await SendCommitAsync(statements, next).ConfigureAwait(false);
            _taken = [];
            Successor = next;
            IsSettled = true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InFailedSqlTransaction)
        {
            throw new TpqException(
                "The transaction cannot be committed, because a statement in it failed before: all its writes are undone, and what was taken is back.", e);
        }
        finally
        {
            LetGo();
            _wasLost = Connection.State != ConnectionState.Open;
            if (Successor is null)
                await ReleaseAsync().ConfigureAwait(false);
        }
        watch.ThrowIfOutcomeUnknown();
    }

    /// <summary>Begins another one on the connection, once this one is committed.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<OwnTransaction> BeginNextAsync(CancellationToken cancellationToken)
    {
        await DisposeTransactionAsync().ConfigureAwait(false);
        return await BeginAsync(Client, _connection, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The transaction that the server has begun on the same connection, with what was taken in it.</summary>
    public OwnTransaction Continue(QueueState queue, List<TpqMessage> found)
    {
        var next = new OwnTransaction(Client, _connection, _transaction) { IsLent = IsLent, _chain = _connection.WasLent ? null : _chain };
        next.Hold(queue, found);
        return next;
    }

    /// <summary>Rolls back what was not committed. Never throws: a connection that is broken has rolled back by breaking.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_ended)
            return;
        LetGo();
        if (AttemptsToGoBackWith is { } attempts && !HasEnded)
        {
            try
            {
                long id = _taken[0].Id;
                await Settlement.PutBackAsync(this, Queue, _taken[0], attempts, CancellationToken.None).ConfigureAwait(false);
                IsSettled = false;
                Queue.Head.Remember(id);
                return;
            }
            catch (Exception)
            {
                // It goes back with the rollback, and with the count of a failure that was none.
            }
        }
        _ended = true;
        await ReleaseAsync().ConfigureAwait(false);
    }

    /// <summary>Gives back what a sequential consumer still has in hand, what came with the last commit included. Never throws.</summary>
    public async ValueTask GiveBackAsync()
    {
        await DisposeAsync().ConfigureAwait(false);
        if (Successor is not null)
            await Successor.DisposeAsync().ConfigureAwait(false);
    }

    void Hold(QueueState queue, List<TpqMessage> found)
    {
        _queue = queue;
        _taken = found;
        _inHand = found.Count;
        queue.AddInHand(_inHand);
    }

    void LetGo()
    {
        _queue?.AddInHand(-_inHand);
        _inHand = 0;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    async ValueTask<List<TpqMessage>> ExecuteAsync(TakeStatement statement, CancellationToken cancellationToken)
    {
        NpgsqlBatch batch = Connection.CreateBatch();
        await using var _ = batch.ConfigureAwait(false);
        statement.AddTo(batch);
        await Client.Statements.PrepareAsync(batch, cancellationToken).ConfigureAwait(false);
        long began = Client.Time.GetTimestamp();
        List<TpqMessage> found;
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
            found = await statement.ReadAsync(reader, cancellationToken).ConfigureAwait(false);
        if (Client.Time.GetElapsedTime(began) > Suspicious)
            await Client.Statements.ReplanAsync(batch).ConfigureAwait(false);
        return found;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    async ValueTask SendCommitAsync(NpgsqlBatchCommand[] statements, PendingTake? next)
    {
        NpgsqlBatch batch = Connection.CreateBatch();
        batch.Timeout = 0;
        foreach (NpgsqlBatchCommand statement in statements)
            batch.BatchCommands.Add(statement);
        batch.BatchCommands.Add(Chain.Guard);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(next is { IsAlong: true } ? Sql.CommitAndChain : Sql.Commit));
        if (next is { IsAlong: true })
        {
            await next.SendAfterCommitAsync(batch, Client.Statements).ConfigureAwait(false);
            return;
        }
        await using var _ = batch.ConfigureAwait(false);
        // What undoes a failed statement first cannot be prepared: that is refused until it is undone.
        if (statements.Length == 0)
            await Client.Statements.PrepareAsync(batch, CancellationToken.None).ConfigureAwait(false);
        await batch.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Gives the connection back, once the transaction has ended, or to end it.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask ReleaseAsync()
    {
        await DisposeTransactionAsync().ConfigureAwait(false);
        _connection.IsClean = IsSettled;
        try
        {
            await _connection.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // It is broken; nothing is left that could be closed.
        }
        foreach (TpqMessage message in _taken)
            _queue!.Head.Remember(message.Id);
    }

    async ValueTask DisposeTransactionAsync()
    {
        try
        {
            await _transaction.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The connection is broken, or a statement of the handler's still runs on it. Closing it ends the transaction either way.
        }
    }
}
