using Npgsql;

namespace Tpq.Internal;

/// <summary>What the listening connection does about one queue: LISTEN, and being the doorman. Used by the listener's loop alone.</summary>
/// <remarks>
/// <para>A transaction that notifies takes one lock of the whole server at its commit and keeps it until the commit is on disk, so such commits go
/// one by one: a NOTIFY for each put costs most of a server's throughput. So a put rings only while somebody sleeps, and whether somebody does is
/// said by a lock. The <b>bell lock</b> of a queue is shared for a moment by every producer, at its COMMIT (the trigger is deferred), by a try that
/// never waits. While a <b>doorman</b> holds it exclusively, that try fails, and the producer notifies.</para>
/// <para>A client with a sleeper becomes the doorman, with two locks on its listening connection. The <b>election</b> is a try: who is refused knows
/// that there is a doorman, and that rings reach everybody who listens. The winner takes the bell lock by a call that waits, since under load a
/// try would be refused for ever; a waiting request lets the producers before it finish, and makes those behind it ring. It waits for 100 ms
/// at most, for a session that waits hears nothing, and one producer can keep its shared lock for long (SET CONSTRAINTS ALL IMMEDIATE, a prepared
/// transaction). Until it has the lock, its sleepers look once a second.</para>
/// <para>No ring is lost. LISTEN comes first. Taking the bell lock waits for every producer that decided not to ring, so the doorman's look after it,
/// in a statement of its own and from the front, shows what they have put. Every later producer fails the try, and rings. When that look finds
/// something there may be more of it, of which nobody was told: the others are told once.</para>
/// <para>A doorman whose consumers are busy leaves the door, so that producers commit freely again, and tells the sleepers elsewhere, of whom one takes
/// over. A doorman that died has told nobody; everybody else stands for election once a second. Nothing is ever put on the listening connection: a
/// producer's own lock does not keep it from sharing.</para>
/// <para>The bell names the lowest id of its transaction. Above a client's position the usual take finds it; below (a late commit) the take looks back
/// to it, and only to it. A transaction that has put more than one message rings twice, with a + behind the second id: where there is one, the
/// sleeper who was woken takes it and nobody else is woken to look in vain.</para>
/// </remarks>
sealed class Doorbell(QueueState queue, NpgsqlConnection connection)
{
    /// <summary>The first number of the two-number advisory locks; the second is the table's oid. Any role may take them: nobody else should.</summary>
    public const int ElectionLocks = 1718045537, BellLocks = 1718045538;

    public const int TimeoutSeconds = 5;

    Bell? _bell;
    bool _isElected;
    bool _isOnDuty;

    /// <summary>Whether there is another doorman, as far as is known.</summary>
    bool _isRefused;

    /// <summary>Whether a doorman has left, perhaps, since it was last asked who is: the answer may be older than that.</summary>
    bool _hasDoormanLeft;

    /// <summary>Whether nobody slept at the last tick.</summary>
    bool _wasDeserted;

    public QueueState Queue => queue;

    /// <summary>Null while there is no such table.</summary>
    public Bell? Bell => _bell;

    Sleepers Sleepers => queue.Sleepers;

    bool IsAuto => _bell is { Notify: TpqNotify.Auto };

    /// <summary>Whether nothing is expected of the next tick: it is the doorman of those who sleep, or none is wanted.</summary>
    public bool IsSettled => _bell is not null && (!IsAuto || (_isOnDuty && Sleepers.AnyAsleep));

    /// <summary>Does what is to be done now.</summary>
    public async Task AttendAsync()
    {
        if (_bell is null)
            await ListenAsync().ConfigureAwait(false);
        if (_isOnDuty && Sleepers.AreBusy)
            await HandOverAsync().ConfigureAwait(false);
        else if (_isOnDuty && Sleepers.HasFirstLookFound)
            await TellOthersAsync().ConfigureAwait(false);
        if (IsAuto && !_isElected && !_isRefused)
        {
            // In this order: who falls asleep in between says so.
            Sleepers.WantDoorman = true;
            if (Sleepers.AnyAsleep)
                await StandForElectionAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Whether it takes part in the election by the clock, which is about to be held.</summary>
    public bool StandAtTick()
    {
        _hasDoormanLeft = false;
        return IsAuto && !_isElected && Sleepers.AnyAsleep;
    }

    /// <summary>Once a second, or less often where all is settled.</summary>
    /// <param name="isSameTable">Whether the name still means the same table.</param>
    /// <param name="wonElection">Whether it has just been elected; null where it did not stand.</param>
    public async Task TickAsync(bool isSameTable, bool? wonElection)
    {
        if (!isSameTable)
        {
            await LeaveAsync().ConfigureAwait(false);
            // Whoever waits finds that it is gone, or another.
            Sleepers.WakeAll();
            await AttendAsync().ConfigureAwait(false);
            return;
        }
        _isElected |= wonElection == true;
        if (wonElection == false && !_hasDoormanLeft)
            Refused();
        if (_isElected && !_isOnDuty)
            await (Sleepers.AnyAsleep ? TakeBellAsync() : ResignAsync()).ConfigureAwait(false);
        bool isDeserted = _isOnDuty && !Sleepers.AnyAsleep;
        if (isDeserted && _wasDeserted)
            await HandOverAsync().ConfigureAwait(false);
        _wasDeserted = isDeserted;
    }

    /// <summary>A notification of another session's has come on this channel.</summary>
    public void Ring(string channel, string payload)
    {
        if (_bell?.Channel != channel)
            return;
        if (payload == Later.Ring)
        {
            queue.Later.Ask();
            return;
        }
        if (long.TryParse(payload.AsSpan().TrimEnd('+'), System.Globalization.CultureInfo.InvariantCulture, out long id))
        {
            queue.Head.LookBackTo(id);
            Sleepers.WakeOne(payload.EndsWith('+') ? null : id);
            return;
        }
        (_isRefused, _hasDoormanLeft) = (false, true);
        Sleepers.WakeOne();
    }

    /// <summary>Nobody waits any more, or the connection is to be closed.</summary>
    public async Task LeaveAsync()
    {
        if (_isOnDuty)
            await HandOverAsync().ConfigureAwait(false);
        else if (_isElected)
            await ResignAsync().ConfigureAwait(false);
        Forget();
    }

    public Task UnlistenAsync(string channel) => ScalarAsync($"UNLISTEN {Identifier.Quote(channel)}");

    /// <summary>The connection is gone, and with it the locks and the channel.</summary>
    public void Forget()
    {
        (_bell, _isElected, _isOnDuty, _isRefused, _hasDoormanLeft, _wasDeserted) = (null, false, false, false, false, false);
        Sleepers.WantDoorman = false;
        StopServing();
    }

    /// <summary>Sleepers have set their clocks by what was true then.</summary>
    void StopServing()
    {
        if (!Sleepers.AreServed)
            return;
        Sleepers.AreServed = false;
        Sleepers.WakeAll();
    }

    async Task ListenAsync()
    {
        if (await Internal.Bell.ReadAsync(connection, queue.Name, TimeoutSeconds).ConfigureAwait(false) is not { } bell)
            return;
        if (bell.Notify != TpqNotify.Never)
            await ScalarAsync($"LISTEN {Identifier.Quote(bell.Channel)}").ConfigureAwait(false);
        _bell = bell;
        // Where there is to be a doorman, as soon as it is known who it is.
        if (!IsAuto)
            queue.Later.Ask();
        Sleepers.AreServed = bell.Notify == TpqNotify.Always;
        Sleepers.WakeAll();
    }

    async Task StandForElectionAsync()
    {
        Sleepers.WantDoorman = false;
        do
        {
            _hasDoormanLeft = false;
            _isElected = (bool)(await ScalarAsync(ListenerSql.Elect, (long)_bell!.Table).ConfigureAwait(false))!;
        }
        while (!_isElected && _hasDoormanLeft);
        if (_isElected)
            await TakeBellAsync().ConfigureAwait(false);
        else
            Refused();
    }

    void Refused()
    {
        if (!_isRefused)
            queue.Later.Ask();
        _isRefused = true;
        Sleepers.AreServed = true;
    }

    async Task TakeBellAsync()
    {
        NpgsqlBatch batch = connection.CreateBatch();
        await using var _ = batch.ConfigureAwait(false);
        batch.Timeout = TimeoutSeconds;
        batch.BatchCommands.Add(new NpgsqlBatchCommand(ListenerSql.LockTimeout));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(ListenerSql.TakeBell) { Parameters = { new NpgsqlParameter<long> { TypedValue = _bell!.Table } } });
        try
        {
            await batch.ExecuteNonQueryAsync().ConfigureAwait(false);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            // A producer keeps its shared lock. The sleepers look once a second until the next tick gets it.
            StopServing();
            return;
        }
        _isOnDuty = true;
        queue.Head.LookBackToFront();
        queue.Later.Ask();
        Sleepers.AwaitFirstLook();
        Sleepers.WakeOne();
        Sleepers.AreServed = true;
    }

    async Task HandOverAsync()
    {
        (_isElected, _isOnDuty, _wasDeserted) = (false, false, false);
        StopServing();
        await ScalarAsync(ListenerSql.HandOver, (long)_bell!.Table, _bell.Channel).ConfigureAwait(false);
    }

    /// <summary>As <see cref="HandOverAsync"/>, where the bell lock could not be had yet.</summary>
    async Task ResignAsync()
    {
        _isElected = false;
        StopServing();
        await ScalarAsync(ListenerSql.Resign, (long)_bell!.Table, _bell.Channel).ConfigureAwait(false);
    }

    async Task TellOthersAsync()
    {
        Sleepers.HasFirstLookFound = false;
        await ScalarAsync(ListenerSql.Tell, _bell!.Channel, "").ConfigureAwait(false);
    }

    async Task<object?> ScalarAsync(string sql, params object[] values)
    {
        NpgsqlCommand command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = sql;
        command.CommandTimeout = TimeoutSeconds;
        foreach (object value in values)
            command.Parameters.Add(new() { Value = value });
        return await command.ExecuteScalarAsync().ConfigureAwait(false);
    }
}
