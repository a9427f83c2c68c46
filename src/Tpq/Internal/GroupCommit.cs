using System.Runtime.CompilerServices;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// Puts into one queue, each by a caller of its own, in transactions of tpq's own. While nothing is under way a put is sent alone and at once. What
/// comes while another is under way waits for it to end, and is then sent together, in one transaction and in few statements: the commit, which is
/// what a put costs most, is shared, and the more producers there are the more share it.
/// </summary>
/// <remarks>
/// <para>Nobody waits for company, and nobody long for another: when a transaction is not done in time (a large message, a slow commit, a
/// connection that has died without a word) those that wait begin the next one beside it.</para>
/// <para>A put returns when its transaction has committed, and an error is the one's who caused it: when a shared transaction fails, nothing of it
/// was put, and each message is sent again, alone. Where the outcome is unknown, it is so for all.</para>
/// <para>Source: the group commit of databases. DeWitt et al., Implementation Techniques for Main Memory Database Systems, SIGMOD 1984, section 5.2.</para>
/// </remarks>
sealed class GroupCommit(TpqClient client, Sql sql)
{
    /// <summary>How long those that wait do so for one transaction: some times as long as a commit takes on a disk.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(10);

    /// <summary>Bounds how long the first one waits for the last one.</summary>
    const int MostMessages = 100;

    readonly Lock _lock = new();
    readonly Queue<Waiting> _waiting = new();

    /// <summary>Runs for the first of those that wait.</summary>
    ITimer? _impatience;

    int _transactions;

    /// <summary>Puts a message, and returns its id after the commit.</summary>
    /// <param name="put">What may be sent again, should the transaction fail that it was sent with.</param>
    /// <param name="cancellationToken">Looked at before it is sent, never after.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<long> PutAsync(CheckedPut put, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (WaitUnlessFirst(put, cancellationToken) is { } waiting)
            return await waiting.Id.ConfigureAwait(false);
        try
        {
            return await client.OwnConnections.RunAsync(PutStatement.Of(sql, put), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Continue();
        }
    }

    Waiting? WaitUnlessFirst(CheckedPut put, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_transactions > 0)
            {
                var waiting = new Waiting(put, cancellationToken);
                _waiting.Enqueue(waiting);
                if (_waiting.Count == 1)
                    BePatient();
                return waiting;
            }
            _transactions++;
            return null;
        }
    }

    /// <summary>A transaction has ended: its place is that of those who wait, or free.</summary>
    void Continue()
    {
        lock (_lock)
        {
            if (_waiting.Count == 0)
            {
                _transactions--;
                return;
            }
        }
        Begin();
    }

    void BePatient()
    {
        _impatience ??= client.Time.CreateTimer(
            static group => ((GroupCommit)group!).BeginAnother(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _impatience.Change(Patience, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A transaction takes its time: those who wait have one beside it, as far as there are connections.</summary>
    void BeginAnother()
    {
        lock (_lock)
        {
            if (_waiting.Count == 0 || _transactions >= client.MaxPoolSize)
                return;
            _transactions++;
        }
        Begin();
    }

    // In nobody's flow: what the caller has in its own, a TransactionScope or an Activity, is not the others'.
    void Begin() => ThreadPool.UnsafeQueueUserWorkItem(static group => _ = group.RunWaitingAsync(), this, preferLocal: false);

    async Task RunWaitingAsync()
    {
        List<Waiting> group = [];
        bool isSent = false;
        try
        {
            OwnConnection connection = await client.OwnConnections.OpenAsync(CancellationToken.None).ConfigureAwait(false);
            await using var _ = connection.ConfigureAwait(false);
            while ((group = Next()).Count > 0)
            {
                // One that is too long to be made into a statement fails here, and the server has seen none of them.
                isSent = false;
                CheckedPut[] puts = [.. group.Select(static each => each.Put)];
                (NpgsqlBatchCommand, int)[] statements = [.. PutStatement.Of(sql, puts)];
                isSent = true;
                long[] ids = await connection.RunAsync(statements, CancellationToken.None).ConfigureAwait(false);
                for (int i = 0; i < ids.Length; i++)
                    group[i].Succeed(ids[i]);
            }
        }
        catch (Exception e) when (group.Count > 1 && (!isSent || IsUndone(e)))
        {
            // Whose fault it was shows when each goes alone: one that the server refuses, or one too long to be sent.
            foreach (Waiting each in group)
                await PutAloneAsync(each).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            if (group.Count == 0)
                group = Next();
            foreach (Waiting each in group)
                each.Fail(e);
        }
        finally
        {
            Continue();
        }
    }

    /// <summary>Whether the server says so. A session that it ends may have committed before.</summary>
    static bool IsUndone(Exception e) => e is PostgresException { InvariantSeverity: "ERROR" } error && !Fault.IsConnectionLoss(error);

    async Task PutAloneAsync(Waiting waiting)
    {
        try
        {
            waiting.Succeed(await client.OwnConnections.RunAsync(PutStatement.Of(sql, waiting.Put), CancellationToken.None).ConfigureAwait(false));
        }
        catch (Exception e)
        {
            waiting.Fail(e);
        }
    }

    /// <summary>Those that wait, but for the cancelled ones, who know it.</summary>
    List<Waiting> Next()
    {
        List<Waiting> next = [];
        lock (_lock)
        {
            while (next.Count < MostMessages && _waiting.TryDequeue(out Waiting? waiting))
            {
                if (waiting.TrySend())
                    next.Add(waiting);
            }
            if (_waiting.Count > 0)
                BePatient();
        }
        return next;
    }

    /// <summary>A message that waits for its turn, until it is sent or its token cancelled, whichever comes first.</summary>
    sealed class Waiting
    {
        // The callers go on on threads of their own, not one after the other on that which has read the reply.
        readonly TaskCompletionSource<long> _id = new(TaskCreationOptions.RunContinuationsAsynchronously);
        readonly CancellationTokenRegistration _cancellation;
        int _decided;

        public Waiting(CheckedPut put, CancellationToken cancellationToken)
        {
            Put = put;
            _cancellation = cancellationToken.UnsafeRegister(static (state, token) => ((Waiting)state!).Cancel(token), this);
        }

        public CheckedPut Put { get; }

        public Task<long> Id => _id.Task;

        public bool TrySend()
        {
            _cancellation.Unregister();
            return Interlocked.Exchange(ref _decided, 1) == 0;
        }

        public void Succeed(long id) => _id.TrySetResult(id);

        public void Fail(Exception error) => _id.TrySetException(error);

        void Cancel(CancellationToken token)
        {
            if (Interlocked.Exchange(ref _decided, 1) == 0)
                _id.TrySetCanceled(token);
        }
    }
}
