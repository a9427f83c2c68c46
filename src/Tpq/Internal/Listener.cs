using Microsoft.Extensions.Logging;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// The one connection on which a client listens, for all its queues. It exists while somebody waits, and for a moment after.
/// </summary>
/// <remarks>
/// <para>No wake-up may be lost between looking and listening: LISTEN first, then look. So a new subscription rings once when its LISTEN has
/// taken effect, and a reconnect rings everybody, since what was rung meanwhile is lost. The waiters look once a second all the same: a
/// rollback elsewhere rings no bell, and a broken line may take long to show.</para>
/// <para>Nothing is ever put on this connection. With a pool of one connection there is none to spare for it: not enabled, it never rings.</para>
/// </remarks>
sealed class Listener(NpgsqlDataSource dataSource, bool enabled, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>How often it looks whether its subscribers have changed; a queue that nobody waits for is let go after this.</summary>
    static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    /// <summary>After so many silent ticks it asks the server for a sign of life: a half-open line is silent, too.</summary>
    const int TicksBetweenProbes = 10;

    const int ProbeTimeoutSeconds = 5;
    const string Probe = "SELECT 1";

    static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(30);

    readonly Lock _gate = new();
    readonly List<Subscription> _subscriptions = [];
    readonly CancellationTokenSource _stopping = new();

    /// <summary>What the open connection listens to. Used by the loop alone.</summary>
    readonly Dictionary<QueueState, string> _channels = [];

    CancellationTokenSource _changed = new();
    Task? _loop;

    public Subscription Subscribe(QueueState queue)
    {
        var subscription = new Subscription(this, queue, time);
        CancellationTokenSource changed;
        lock (_gate)
        {
            _subscriptions.Add(subscription);
            changed = _changed;
            if (enabled && _loop is null && !_stopping.IsCancellationRequested)
            {
                // The loop outlives this call: it must not run in the caller's TransactionScope or trace.
                using (ExecutionContext.SuppressFlow())
                    _loop = Task.Run(RunAsync);
            }
        }
        changed.Cancel();
        return subscription;
    }

    public void Remove(Subscription subscription)
    {
        lock (_gate)
            _subscriptions.Remove(subscription);
    }

    public async ValueTask DisposeAsync()
    {
        Task? loop;
        CancellationTokenSource changed;
        lock (_gate)
        {
            loop = _loop;
            changed = _changed;
        }
        await _stopping.CancelAsync().ConfigureAwait(false);
        await changed.CancelAsync().ConfigureAwait(false);
        // Whatever ended it, a logger that throws included: dispose does not throw.
        if (loop is not null)
            await loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    async Task RunAsync()
    {
        TimeSpan pause = TimeSpan.Zero;
        while (!HasNothingToDo())
        {
            try
            {
                await ListenAsync(() => pause = TimeSpan.Zero).ConfigureAwait(false);
            }
            catch (Exception e) when (!_stopping.IsCancellationRequested)
            {
                // Whatever it is, waiters go on looking once a second; said once, until it works again.
                if (pause == TimeSpan.Zero)
                    logger.ListenerLost(e);
                pause = pause == TimeSpan.Zero ? Tick / 4 : Min(pause * 2, MaxPause);
                await Task.Delay(pause, time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception)
            {
                // Stopping: how the connection ended is of no interest.
            }
        }
    }

    bool HasNothingToDo()
    {
        lock (_gate)
        {
            if (_subscriptions.Count > 0 && !_stopping.IsCancellationRequested)
                return false;
            _loop = null;
            return true;
        }
    }

    async Task ListenAsync(Action onConnected)
    {
        NpgsqlConnection connection = await dataSource.OpenOwnAsync(_stopping.Token).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        connection.Notification += OnNotification;
        try
        {
            _channels.Clear();
            int silent = 0;
            while (true)
            {
                (QueueState[] wanted, CancellationToken changed) = Wanted();
                await FollowAsync(connection, wanted).ConfigureAwait(false);
                onConnected();
                if (wanted.Length == 0)
                    return;
                if (silent >= TicksBetweenProbes)
                {
                    await ExecuteAsync(connection, Probe).ConfigureAwait(false);
                    silent = 0;
                }
                silent = await WaitAsync(connection, changed).ConfigureAwait(false) ? 0 : silent + 1;
            }
        }
        finally
        {
            connection.Notification -= OnNotification;
        }
    }

    /// <summary>Makes LISTEN follow the subscribers, and then wakes the new ones.</summary>
    async Task FollowAsync(NpgsqlConnection connection, QueueState[] wanted)
    {
        foreach (QueueState queue in _channels.Keys.Except(wanted).ToArray())
        {
            _channels.Remove(queue, out string? channel);
            if (!_channels.ContainsValue(channel!))
                await ExecuteAsync(connection, $"UNLISTEN {Identifier.Quote(channel!)}").ConfigureAwait(false);
        }
        foreach (QueueState queue in wanted.Except(_channels.Keys).ToArray())
        {
            string channel = await ChannelAsync(connection, queue).ConfigureAwait(false);
            await ExecuteAsync(connection, $"LISTEN {Identifier.Quote(channel)}").ConfigureAwait(false);
            _channels.Add(queue, channel);
            logger.Listening(channel);
            RingWhere(s => s.Queue == queue);
        }
    }

    void OnNotification(object sender, NpgsqlNotificationEventArgs e) =>
        RingWhere(s => _channels.TryGetValue(s.Queue, out string? channel) && channel == e.Channel);

    void RingWhere(Func<Subscription, bool> predicate)
    {
        lock (_gate)
        {
            foreach (Subscription subscription in _subscriptions)
            {
                if (predicate(subscription))
                    subscription.Ring();
            }
        }
    }

    (QueueState[] Wanted, CancellationToken Changed) Wanted()
    {
        lock (_gate)
        {
            // The old one is not disposed: a subscriber may be about to cancel it, and it holds nothing.
            if (_changed.IsCancellationRequested)
                _changed = new CancellationTokenSource();
            return _stopping.IsCancellationRequested ? ([], _changed.Token) : (_subscriptions.Select(s => s.Queue).Distinct().ToArray(), _changed.Token);
        }
    }

    static async Task<bool> WaitAsync(NpgsqlConnection connection, CancellationToken changed)
    {
        try
        {
            return await connection.WaitAsync(Tick, changed).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (changed.IsCancellationRequested)
        {
            return true;
        }
    }

    static async Task<string> ChannelAsync(NpgsqlConnection connection, QueueState queue)
    {
        NpgsqlCommand command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = CatalogSql.Channel;
        command.CommandTimeout = ProbeTimeoutSeconds;
        command.Parameters.Add(new() { Value = queue.Name.Table });
        command.Parameters.Add(new() { Value = queue.Name.Queue });
        return (string)(await command.ExecuteScalarAsync().ConfigureAwait(false))!;
    }

    static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        NpgsqlCommand command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = sql;
        command.CommandTimeout = ProbeTimeoutSeconds;
        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
