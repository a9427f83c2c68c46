using System.Collections.Concurrent;
using System.Diagnostics;
using Npgsql;

namespace Tpq.Chaos;

/// <summary>Puts a message of its own after a fault, and sees how long it takes until it was handled: the time of recovery.</summary>
sealed class Probe(World world)
{
    /// <summary>Whoever waits longer than this while consumers are alive is stuck.</summary>
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(45);

    /// <summary>Where a failover loses messages, the one that is waited for may be among them: after so long there is another one.</summary>
    static readonly TimeSpan Another = TimeSpan.FromSeconds(2);

    readonly ConcurrentDictionary<long, bool> _isAcknowledged = [];
    long _last = Message.FirstKey(0) - 1;

    public IEnumerable<long> Attempted => _isAcknowledged.Keys;

    public IEnumerable<long> Acknowledged => _isAcknowledged.Where(static put => put.Value).Select(static put => put.Key);

    /// <returns>From now until it was handled; null where it took longer than the bound.</returns>
    public async Task<TimeSpan?> MeasureAsync(CancellationToken cancellationToken)
    {
        long began = Stopwatch.GetTimestamp();
        var put = new List<long>();
        TimeSpan passed, putAt = TimeSpan.Zero;
        while ((passed = Stopwatch.GetElapsedTime(began)) < Bound)
        {
            try
            {
                if (put.Count == 0 || (world.Standby == Standby.Asynchronous && passed > putAt + Another))
                {
                    put.Add(await PutAsync(message => world.Client.Queue(Names.Queue).PutAsync(message, cancellationToken)));
                    putAt = Stopwatch.GetElapsedTime(began);
                }
                if (await world.ScalarAsync<bool>($"SELECT EXISTS (SELECT FROM {Names.Ledger} WHERE key IN ({string.Join(',', put)}))", cancellationToken))
                    return Stopwatch.GetElapsedTime(began);
            }
            catch (Exception e) when (e is NpgsqlException or TpqException)
            {
                // The server is down; a message that may be there is not waited for.
            }
            // Another process handles it; that is seen by looking, and the bound decides. The longer it takes, the less each look adds.
            await Task.Delay(Math.Clamp((int)(passed.TotalMilliseconds / 10), 5, 100), cancellationToken);
        }
        return null;
    }

    /// <summary>Puts a message in some way.</summary>
    /// <returns>Its key.</returns>
    public async Task<long> PutAsync(Func<string, Task> putAsync)
    {
        long key = Interlocked.Increment(ref _last);
        _isAcknowledged[key] = false;
        await putAsync(new Message(key, null).ToJson());
        _isAcknowledged[key] = true;
        return key;
    }
}
