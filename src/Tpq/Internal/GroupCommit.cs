using System.Runtime.CompilerServices;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// Puts into one queue, each by a caller of its own, in transactions of tpq's own. While nothing is under way a put is sent alone and at once. What
/// comes while another is under way waits for it to end, and is then sent together, in one transaction: the commit, which is what a put costs most,
/// is shared, and the more producers there are the more share it.
/// </summary>
/// <remarks>
/// <para>Nobody waits for company, and nobody long for another: when a transaction is not done in time (a large message, a slow commit, a
/// connection that has died without a word) those that wait begin the next one beside it.</para>
/// <para>A put returns when its transaction has committed, and an error is the one's who caused it: when a shared transaction fails, nothing of it
/// was put, and each statement is sent again, alone. Where the outcome is unknown, it is so for all.</para>
/// <para>Source: the group commit of databases. DeWitt et al., Implementation Techniques for Main Memory Database Systems, SIGMOD 1984, section 5.2.</para>
/// </remarks>
sealed class GroupCommit(TpqClient client)
{
    /// <summary>How long those that wait do so for one transaction: some times as long as a commit takes on a disk.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(10);

    /// <summary>Bounds how long the first one waits for the last one.</summary>
    const int MostStatements = 100;

    readonly Lock _lock = new();
    readonly Queue<Waiting> _waiting = new();

    /// <summary>Runs for the first of those that wait.</summary>
    ITimer? _impatience;

    int _transactions;

    /// <summary>Runs a statement, and returns its first value, a bigint, after the commit.</summary>
    /// <param name="statement">One that may run again, should the transaction fail that it was sent with.</param>
    /// <param name="cancellationToken">Looked at before it is sent, never after.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<long> RunAsync(NpgsqlBatchCommand statement, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (WaitUnlessFirst(statement, cancellationToken) is { } waiting)
            return await waiting.Result.ConfigureAwait(false);
        try
        {
            return await OwnTransaction.RunAsync(client, statement, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Continue();
        }
    }

    Waiting? WaitUnlessFirst(NpgsqlBatchCommand statement, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_transactions > 0)
            {
                var waiting = new Waiting(statement, cancellationToken);
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
        List<Waiting> sent = [];
        try
        {
            NpgsqlConnection connection = await client.DataSource.OpenOwnAsync(CancellationToken.None).ConfigureAwait(false);
            await using var _ = connection.ConfigureAwait(false);
            while ((sent = Next()).Count > 0)
                await RunAsync(connection, sent).ConfigureAwait(false);
        }
        catch (PostgresException e) when (sent.Count > 1 && e.InvariantSeverity == "ERROR" && !Fault.IsConnectionLoss(e))
        {
            // Undone, and told so: whose fault it was shows when each goes alone. (A session that the server ends may have committed before.)
            foreach (Waiting each in sent)
                await RunAloneAsync(each).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            if (sent.Count == 0)
                sent = Next();
            foreach (Waiting each in sent)
                each.Fail(e);
        }
        finally
        {
            Continue();
        }
    }

    async Task RunAsync(NpgsqlConnection connection, List<Waiting> group)
    {
        long[] results = await OwnTransaction.RunAsync(
            client, connection, [.. group.Select(each => each.Statement)], CancellationToken.None).ConfigureAwait(false);
        for (int i = 0; i < results.Length; i++)
            group[i].Succeed(results[i]);
    }

    async Task RunAloneAsync(Waiting waiting)
    {
        try
        {
            waiting.Succeed(await OwnTransaction.RunAsync(client, waiting.Statement, CancellationToken.None).ConfigureAwait(false));
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
            while (next.Count < MostStatements && _waiting.TryDequeue(out Waiting? waiting))
            {
                if (waiting.TrySend())
                    next.Add(waiting);
            }
            if (_waiting.Count > 0)
                BePatient();
        }
        return next;
    }

    /// <summary>A statement that waits for its turn, until it is sent or its token cancelled, whichever comes first.</summary>
    sealed class Waiting
    {
        // The callers go on on threads of their own, not one after the other on that which has read the reply.
        readonly TaskCompletionSource<long> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
        readonly CancellationTokenRegistration _cancellation;
        int _decided;

        public Waiting(NpgsqlBatchCommand statement, CancellationToken cancellationToken)
        {
            Statement = statement;
            _cancellation = cancellationToken.UnsafeRegister(static (state, token) => ((Waiting)state!).Cancel(token), this);
        }

        public NpgsqlBatchCommand Statement { get; }

        public Task<long> Result => _result.Task;

        public bool TrySend()
        {
            _cancellation.Unregister();
            return Interlocked.Exchange(ref _decided, 1) == 0;
        }

        public void Succeed(long result) => _result.TrySetResult(result);

        public void Fail(Exception error) => _result.TrySetException(error);

        void Cancel(CancellationToken token)
        {
            if (Interlocked.Exchange(ref _decided, 1) == 0)
                _result.TrySetCanceled(token);
        }
    }
}
