using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// The one connection on which a client listens, for all its queues. It exists while somebody waits, and for a moment after.
/// </summary>
/// <remarks>
/// <para>What it does for a queue is the <see cref="Doorbell"/>'s. A reconnect wakes everybody, to look from the front, since what was rung meanwhile is lost. Once a second
/// it asks the server, in one statement, who may stand for election, which is a sign of life too: a half-open line is silent. Where it is the doorman
/// of all queues already, every five seconds are enough, for the same table and for the sign.</para>
/// <para>Behind a pooler that gives every transaction another session, LISTEN succeeds and nothing ever comes. It shows by the number of the server's
/// process, and by a notification to itself that does not arrive; it is sent over a connection of its own, since the pooler would hand back one
/// that comes with the reply of the same session. Then there is no listening, and waiters look once a second. So it is with a pool of one
/// connection, which has none to spare: not enabled.</para>
/// </remarks>
sealed class Listener(TpqClient client, bool enabled) : IAsyncDisposable
{
    static readonly TimeSpan Tick = TimeSpan.FromSeconds(1), CalmTick = TimeSpan.FromSeconds(5), MaxPause = TimeSpan.FromSeconds(30);

    readonly Lock _gate = new();
    readonly CancellationTokenSource _stopping = new();

    /// <summary>Queues about which something has to be done.</summary>
    readonly Channel<QueueState> _calls = Channel.CreateUnbounded<QueueState>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Those with a subscription, or whose last one has just gone. Used by the loop alone.</summary>
    readonly Dictionary<QueueState, Doorbell> _doorbells = [];

    CancellationTokenSource _called = new();
    Task? _loop;
    volatile bool _isInVain;
    volatile bool _isLost;

    /// <summary>Why waiting consumers look by the clock; null where they are told, or nobody waits.</summary>
    public string? Trouble => _isLost ? "the listening connection was lost" : _isInVain ? "notifications do not reach this client, because of a pooler in transaction mode" : null;

    /// <summary>Somebody has begun to wait for the queue, or something has changed about those who do.</summary>
    public void Attend(QueueState queue)
    {
        if (!enabled || _isInVain)
            return;
        CancellationTokenSource called;
        lock (_gate)
        {
            _calls.Writer.TryWrite(queue);
            called = _called;
            if (_loop is null && !_stopping.IsCancellationRequested)
            {
                // The loop outlives this call: it must not run in the caller's TransactionScope or trace.
                using (ExecutionContext.SuppressFlow())
                    _loop = Task.Run(RunAsync);
            }
        }
        called.Cancel();
    }

    public async ValueTask DisposeAsync()
    {
        Task? loop;
        CancellationTokenSource called;
        lock (_gate)
        {
            loop = _loop;
            called = _called;
        }
        await _stopping.CancelAsync().ConfigureAwait(false);
        await called.CancelAsync().ConfigureAwait(false);
        // Whatever ended it, a logger that throws included: dispose does not throw.
        if (loop is not null)
            await loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    async Task RunAsync()
    {
        TimeSpan pause = TimeSpan.Zero;
        var known = new HashSet<QueueState>();
        while (!HasNothingToDo(known))
        {
            try
            {
                await ListenAsync(known, () => (pause, _isLost) = (TimeSpan.Zero, false)).ConfigureAwait(false);
            }
            catch (Exception e) when (!_stopping.IsCancellationRequested)
            {
                // Whatever it is, waiters go on looking once a second; said once, until it works again, and where nobody else has told of the outage.
                if (pause == TimeSpan.Zero)
                    client.Logger.ListenerLost(client.IsFirstToTell() ? LogLevel.Warning : LogLevel.Debug, e);
                _isLost = true;
                foreach (QueueState queue in known)
                    queue.Head.LookBackToFront();
                pause = pause == TimeSpan.Zero ? Tick / 4 : Min(pause * 2, MaxPause);
                await Task.Delay(pause, client.Time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception)
            {
                // Stopping: how the connection ended is of no interest.
            }
        }
    }

    bool HasNothingToDo(HashSet<QueueState> known)
    {
        lock (_gate)
        {
            while (_calls.Reader.TryRead(out QueueState? queue))
                known.Add(queue);
            known.RemoveWhere(static q => !q.Sleepers.Any);
            if (known.Count > 0 && !_stopping.IsCancellationRequested && !_isInVain)
                return false;
            _loop = null;
            _isLost = false;
            return true;
        }
    }

    async Task ListenAsync(HashSet<QueueState> known, Action onConnected)
    {
        NpgsqlConnection connection = await client.OpenOwnAsync(_stopping.Token).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        connection.Notification += OnNotification;
        try
        {
            _isInVain = !await Hearing.IsSoundAsync(client, connection, _stopping.Token).ConfigureAwait(false);
            if (_isInVain)
            {
                client.Logger.ListenerInVain();
                return;
            }
            foreach (QueueState queue in known)
                _doorbells.Add(queue, new Doorbell(queue, connection));
            await LoopAsync(connection, onConnected).ConfigureAwait(false);
            await LeaveAsync(connection).ConfigureAwait(false);
        }
        finally
        {
            connection.Notification -= OnNotification;
            known.UnionWith(_doorbells.Keys);
            foreach (Doorbell doorbell in _doorbells.Values)
                doorbell.Forget();
            _doorbells.Clear();
        }
    }

    async Task LoopAsync(NpgsqlConnection connection, Action onConnected)
    {
        long lastTick = client.Time.GetTimestamp(), lastRound = lastTick;
        while (!_stopping.IsCancellationRequested)
        {
            CancellationToken called = ReadCalls(connection);
            foreach (Doorbell doorbell in _doorbells.Values)
                await doorbell.AttendAsync().ConfigureAwait(false);
            onConnected();
            TimeSpan tick = _doorbells.Count > 0 && _doorbells.Values.All(static d => d.IsSettled) ? CalmTick : Tick;
            TimeSpan left = tick - client.Time.GetElapsedTime(lastTick);
            if (left > TimeSpan.Zero)
            {
                await WaitAsync(connection, left, called).ConfigureAwait(false);
                continue;
            }
            lastTick = client.Time.GetTimestamp();
            await LeaveDesertedAsync().ConfigureAwait(false);
            if (_doorbells.Count == 0)
                return;
            await TickAsync(connection).ConfigureAwait(false);
            if (client.LooksByClock && client.Time.GetElapsedTime(lastRound) >= Rounds.Interval)
            {
                lastRound = client.Time.GetTimestamp();
                await Rounds.GoAsync(connection, _doorbells.Keys.Where(static q => q.Sleepers is { AreServed: true, AnyAsleep: true })).ConfigureAwait(false);
            }
        }
    }

    /// <returns>What is cancelled by the next call.</returns>
    CancellationToken ReadCalls(NpgsqlConnection connection)
    {
        lock (_gate)
        {
            // The old one is not disposed: somebody may be about to cancel it, and it holds nothing.
            if (_called.IsCancellationRequested)
                _called = new CancellationTokenSource();
            while (_calls.Reader.TryRead(out QueueState? queue))
            {
                if (!_doorbells.ContainsKey(queue))
                    _doorbells.Add(queue, new Doorbell(queue, connection));
            }
            return _called.Token;
        }
    }

    async Task LeaveDesertedAsync()
    {
        foreach (Doorbell doorbell in _doorbells.Values.Where(static d => !d.Queue.Sleepers.Any).ToArray())
        {
            string? channel = doorbell.Bell?.Channel;
            await doorbell.LeaveAsync().ConfigureAwait(false);
            lock (_gate)
            {
                // Somebody may have come meanwhile, who believes that he is listened for.
                if (doorbell.Queue.Sleepers.Any)
                    continue;
                _doorbells.Remove(doorbell.Queue);
            }
            if (channel is not null && !_doorbells.Values.Any(d => d.Bell?.Channel == channel))
                await doorbell.UnlistenAsync(channel).ConfigureAwait(false);
        }
    }

    async Task TickAsync(NpgsqlConnection connection)
    {
        Doorbell[] doorbells = [.. _doorbells.Values];
        NpgsqlCommand command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = ListenerSql.Tick;
        command.CommandTimeout = Doorbell.TimeoutSeconds;
        command.Parameters.Add(ArrayText.Of(doorbells.Select(static d => d.Queue.Name.Table)));
        command.Parameters.Add(ArrayText.Of(doorbells.Select(static d => (long)(d.Bell?.Table ?? 0))));
        command.Parameters.Add(ArrayText.Of(doorbells.Select(static d => d.StandAtTick())));
        var answers = new List<(bool IsSameTable, bool? Won)>(doorbells.Length);
        NpgsqlDataReader reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.ReadAsync().ConfigureAwait(false))
                answers.Add((reader.GetBoolean(0), await reader.IsDBNullAsync(1).ConfigureAwait(false) ? null : reader.GetBoolean(1)));
        }
        foreach ((Doorbell doorbell, (bool isSameTable, bool? won)) in doorbells.Zip(answers))
            await doorbell.TickAsync(isSameTable, won).ConfigureAwait(false);
    }

    async Task LeaveAsync(NpgsqlConnection connection)
    {
        foreach (Doorbell doorbell in _doorbells.Values)
            await doorbell.LeaveAsync().ConfigureAwait(false);
        await ExecuteAsync(connection, ListenerSql.LeaveAll).ConfigureAwait(false);
    }

    void OnNotification(object sender, NpgsqlNotificationEventArgs e)
    {
        if (e.PID == ((NpgsqlConnection)sender).ProcessID)
            return;
        foreach (Doorbell doorbell in _doorbells.Values)
            doorbell.Ring(e.Channel, e.Payload);
    }

    static async Task WaitAsync(NpgsqlConnection connection, TimeSpan atMost, CancellationToken called)
    {
        // The driver counts in milliseconds, of which none means for ever.
        if (atMost < TimeSpan.FromMilliseconds(1))
            atMost = TimeSpan.FromMilliseconds(1);
        try
        {
            await connection.WaitAsync(atMost, called).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (called.IsCancellationRequested)
        {
            // Somebody wants something.
        }
    }

    static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        NpgsqlCommand command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = sql;
        command.CommandTimeout = Doorbell.TimeoutSeconds;
        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
