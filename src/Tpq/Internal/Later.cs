using Npgsql;

namespace Tpq.Internal;

/// <summary>Makes a queue's messages ready when their time has come, as long as this client consumes from it or waits for it.</summary>
/// <remarks>
/// <para>There is no daemon. Each such client asks the server when the next message is due, and moves what is due; who has the turn, an advisory lock,
/// moves alone, and the others find nothing left. The server's clock decides: what is asked for is a time from now.</para>
/// <para>Nothing is asked for each message. It is asked by the listener, for all its queues, each ten seconds (see <see cref="Rounds"/>), which tells of leases that others hold, since a claim rings no bell; before the first sleep; at the time that the answer named; when the bell says that there is
/// another time to wait for; when somebody begins to hear the bell, for the same reason as for the doorman's look; where a get that does not wait has found nothing; and, where nobody would ring, often:
/// by who takes messages at a look, for those who sleep by <see cref="DuePoll"/>.</para>
/// <para>What was moved leaves dead entries in the index of due_at, as what was taken does in the primary key (see <see cref="Head"/>). So it asks from
/// the last time that it moved, or from a minute ago, since leases that are renewed leave such entries too; and from the front as often as <see cref="SweepBudget"/> allows: for what was committed after its time.</para>
/// </remarks>
sealed class Later(QueueState queue, TpqClient client)
{
    /// <summary>What the bell says when there is another time to wait for.</summary>
    public const string Ring = "later";

    /// <summary>The first number of the advisory locks; the second is the oid of the table that is moved from.</summary>
    public const int TurnLocks = 1718045539;

    /// <summary>The row in the companion that says that the queue is paused. No message has this id.</summary>
    public const long PauseId = long.MinValue + 1;

    static readonly TimeSpan Interval = DuePoll.Interval, ServedInterval = TimeSpan.FromSeconds(10),
        Retry = TimeSpan.FromSeconds(1), TroubleInterval = TimeSpan.FromMinutes(1);

    /// <summary>A timer has its limits.</summary>
    static readonly TimeSpan LongestTimer = TimeSpan.FromDays(1);

    /// <summary>How long a transaction may be open that puts something which is due at once, and is still found without a look from the front.</summary>
    static readonly TimeSpan LateCommits = TimeSpan.FromMinutes(1);

    static readonly DateTime Front = DateTime.SpecifyKind(DateTime.MinValue, DateTimeKind.Utc);

    readonly Lock _gate = new();
    readonly SweepBudget _sweeps = new(client.Time);
    readonly DueMove _move = new(queue, client);

    Task<long>? _asking;
    bool _isAskedAgain;
    ITimer? _timer;

    /// <summary>When it was asked last, and how long from then it is until the next message is due; null for none.</summary>
    long? _lastAsked;
    TimeSpan? _next;

    DateTime _position = Front;
    bool _hasAsked, _isInTrouble, _hasComplained;

    TaskCompletionSource _resumed = Resumed();

    /// <summary>Whether the companion has once been seen: a queue of the Python tpq's has none until it is upgraded.</summary>
    bool _exists;

    /// <summary>It is tried again by the clock, and not with the others, whom it would hold up.</summary>
    bool _hasFailed;

    bool IsAsking => _asking is { IsCompleted: false };

    /// <summary>Whether the queue was paused when it was last asked.</summary>
    public bool IsPaused => !_resumed.Task.IsCompleted;

    /// <summary>Waits until it is resumed. It is told by the bell, and asks by the clock where there is none.</summary>
    public async Task ResumedAsync(CancellationToken cancellationToken)
    {
        while (IsPaused)
        {
            await Task.WhenAny(_resumed.Task, Task.Delay(Retry, client.Time, cancellationToken)).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            Touch();
        }
    }

    /// <summary>At each look: so the time is not missed by who never sleeps. The first one only starts the clock, for it may be the only one.</summary>
    public void Touch()
    {
        lock (_gate)
        {
            _lastAsked ??= client.Time.GetTimestamp();
            if (IsStale() && !IsAsking)
                Begin();
        }
    }

    /// <summary>When somebody has fallen asleep: so that there is a timer.</summary>
    public void Watch()
    {
        if (!queue.Sleepers.AreServed && client.LooksByClock)
            client.DuePoll.Start();
        lock (_gate)
        {
            if ((!_hasAsked || IsStale()) && !IsAsking)
                Begin();
        }
    }

    /// <summary>Asks in the background, now or once more after what is under way.</summary>
    public void Ask() => _ = AskedAsync();

    /// <summary>As <see cref="Ask"/>; done when what is due is moved, unless somebody else has the turn. Never fails.</summary>
    public Task AskedAsync()
    {
        lock (_gate)
        {
            if (IsAsking)
                _isAskedAgain = true;
            else
                Begin();
            return _asking!;
        }
    }

    /// <summary>Whether it may be asked together with other queues: there is a companion, and the last question, or the move upon it, did not fail.</summary>
    public bool IsSound => _exists && !_hasFailed;

    /// <summary>The question as a statement, for a batch about several queues.</summary>
    public NpgsqlBatchCommand Question() => Question(_position);

    /// <summary>The answer to it.</summary>
    /// <param name="reader">At its row's result.</param>
    /// <param name="isRound">Whether it makes up for the question that is due each ten seconds.</param>
    public async Task HearAsync(NpgsqlDataReader reader, bool isRound)
    {
        TimeSpan? next = await AnswerAsync(reader).ConfigureAwait(false);
        if (next <= TimeSpan.Zero)
            Ask();
        else if (isRound && !IsAsking)
            SetNext(next, isInTrouble: false);
        else if (next is { } time)
            Expect(time);
    }

    /// <summary>Something will be due after this time, unless it is put off.</summary>
    public void Expect(TimeSpan time)
    {
        lock (_gate)
        {
            if (IsAsking || !_hasAsked || _next is { } next && next - client.Time.GetElapsedTime(_lastAsked!.Value) <= time)
                return;
        }
        SetNext(time, isInTrouble: false);
    }

    /// <summary>Asks where it was not asked just before, and moves what is due.</summary>
    /// <returns>How many messages became ready.</returns>
    public async Task<long> BringAsync(CancellationToken cancellationToken)
    {
        Task<long> asking;
        lock (_gate)
        {
            if (!IsAsking)
            {
                if (_hasAsked && !IsStale())
                    return 0;
                Begin();
            }
            asking = _asking!;
        }
        return await asking.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    bool IsStale()
    {
        if (_lastAsked is not { } asked)
            return false;
        TimeSpan elapsed = client.Time.GetElapsedTime(asked);
        return elapsed >= (_isInTrouble ? TroubleInterval : queue.Sleepers.AreServed ? ServedInterval : Interval) || elapsed >= _next;
    }

    void Begin()
    {
        _hasAsked = true;
        // In nobody's flow: what is moved is not part of the caller's TransactionScope or trace.
        using (ExecutionContext.SuppressFlow())
            _asking = Task.Run(RunAsync);
    }

    async Task<long> RunAsync()
    {
        long moved = 0;
        do
        {
            moved += await AskAndMoveAsync().ConfigureAwait(false);
        }
        while (IsAskedAgain());
        return moved;
    }

    bool IsAskedAgain()
    {
        lock (_gate)
        {
            bool again = _isAskedAgain && !client.Stopping.IsCancellationRequested;
            _isAskedAgain = false;
            return again;
        }
    }

    async Task<long> AskAndMoveAsync()
    {
        long moved = 0;
        TimeSpan? next = null;
        bool isInTrouble = false;
        try
        {
            (moved, next) = await AskAndMoveAsync(_sweeps.IsDue).ConfigureAwait(false);
            isInTrouble = !_exists;
            (_hasFailed, _hasComplained) = (false, false);
        }
        catch (Exception e) when (Fault.IsConnectionLoss(e) || Fault.IsShortage(e) || e is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable })
        {
            // Whoever looks has the same trouble, and says so; or the table is being changed.
            (_hasFailed, next) = (true, Retry);
        }
        catch (Exception e)
        {
            // A right that is missing, or a table that is gone or not as it should be. Consuming goes on; it is said once.
            (_hasFailed, isInTrouble, _exists, next) = (true, true, false, TroubleInterval);
            // Whoever waits for the end of a pause looks, and is told what is wrong with the queue.
            SetPaused(false);
            if (!_hasComplained && !client.Stopping.IsCancellationRequested)
                client.Logger.LaterFailed(e, queue.Name.Queue);
            _hasComplained = true;
        }
        SetNext(next, isInTrouble);
        return moved;
    }

    async Task<(long Moved, TimeSpan? Next)> AskAndMoveAsync(bool fromFront)
    {
        DateTime after = fromFront ? Front : _position;
        for (long moved = 0; ;)
        {
            TimeSpan? next = await NextAsync(after, fromFront).ConfigureAwait(false);
            if (next is null || next > TimeSpan.Zero)
                return (moved, fromFront ? next : Sooner(next, _sweeps.DueIn));
            DueMove.Step step = await _move.MoveAsync(after).ConfigureAwait(false);
            if (step.IsIdle)
                return (moved, Interval);
            if (step.Count > 0)
                BecameReady(step);
            moved += step.Count;
            // Else each step would walk what those before it have left behind.
            after = step.Last;
        }
    }

    /// <summary>What lies before the position, since it was committed late, is found from the front: as soon as that may be.</summary>
    static TimeSpan? Sooner(TimeSpan? next, TimeSpan sweep)
    {
        TimeSpan least = sweep > Interval ? sweep : Interval;
        return next < least ? next : least;
    }

    /// <summary>The client's queues ask one after the other: together they would open a connection each.</summary>
    async Task<TimeSpan?> NextAsync(DateTime after, bool isSweep)
    {
        await client.LaterAsks.WaitAsync(client.Stopping).ConfigureAwait(false);
        try
        {
            NpgsqlConnection connection = await client.OpenOwnAsync(client.Stopping).ConfigureAwait(false);
            await using var _ = connection.ConfigureAwait(false);
            _exists = _exists || await ExistsAsync(connection).ConfigureAwait(false);
            return _exists ? await NextAsync(connection, after, isSweep).ConfigureAwait(false) : null;
        }
        finally
        {
            client.LaterAsks.Release();
        }
    }

    async Task<bool> ExistsAsync(NpgsqlConnection connection)
    {
        var command = new NpgsqlCommand(queue.Sql.HasLater, connection);
        await using var _ = command.ConfigureAwait(false);
        return await command.ExecuteScalarAsync(client.Stopping).ConfigureAwait(false) is true;
    }

    async Task<TimeSpan?> NextAsync(NpgsqlConnection connection, DateTime after, bool isSweep)
    {
        var batch = new NpgsqlBatch(connection);
        await using var _ = batch.ConfigureAwait(false);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(ListenerSql.LockTimeout));
        batch.BatchCommands.Add(Question(after));
        long began = client.Time.GetTimestamp();
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync(client.Stopping).ConfigureAwait(false);
        await using var __ = reader.ConfigureAwait(false);
        await reader.NextResultAsync(client.Stopping).ConfigureAwait(false);
        TimeSpan? next = await AnswerAsync(reader).ConfigureAwait(false);
        if (isSweep)
            _sweeps.Ended(client.Time.GetElapsedTime(began));
        return next;
    }

    NpgsqlBatchCommand Question(DateTime after) => new(queue.Sql.NextDue) { Parameters = { new NpgsqlParameter<DateTime> { TypedValue = after } } };

    async Task<TimeSpan?> AnswerAsync(NpgsqlDataReader reader)
    {
        await reader.ReadAsync(client.Stopping).ConfigureAwait(false);
        SetPaused(reader.GetBoolean(2));
        double seconds = await reader.IsDBNullAsync(0, client.Stopping).ConfigureAwait(false) ? double.PositiveInfinity : reader.GetDouble(0);
        // Not past what is due and may have to be asked for once more.
        if (seconds > 0 && reader.GetDateTime(1) - LateCommits is var recently && recently > _position)
            _position = recently;
        if (double.IsPositiveInfinity(seconds))
            return null;
        return seconds > LongestTimer.TotalSeconds ? LongestTimer : TimeSpan.FromSeconds(seconds);
    }

    void BecameReady(DueMove.Step step)
    {
        if (step.Last > _position)
            _position = step.Last;
        // Others are told by the bell, and so are we where there is one.
        queue.Head.LookBackTo(step.First);
        queue.Sleepers.WakeOne();
    }

    static TaskCompletionSource Resumed()
    {
        var resumed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        resumed.SetResult();
        return resumed;
    }

    void SetPaused(bool isPaused)
    {
        if (isPaused == IsPaused)
            return;
        if (isPaused)
            _resumed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        else
        {
            _resumed.TrySetResult();
            queue.Sleepers.WakeAll();
        }
        client.Logger.PausedOrResumed(isPaused ? "paused" : "resumed", queue.Name.Queue);
    }

    void SetNext(TimeSpan? next, bool isInTrouble)
    {
        lock (_gate)
        {
            (_lastAsked, _next, _isInTrouble) = (client.Time.GetTimestamp(), next, isInTrouble);
            if (next is null && _timer is null)
                return;
            _timer ??= client.Time.CreateTimer(static later => ((Later)later!).OnTime(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            // A timer counts in milliseconds, and must not ring too early.
            _timer.Change(next is { } time ? TimeSpan.FromMilliseconds(Math.Ceiling(time.TotalMilliseconds)) : Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    void OnTime()
    {
        // Where nobody sleeps, whoever looks next asks.
        if (queue.Sleepers.Any && !client.Stopping.IsCancellationRequested)
            Ask();
    }
}
