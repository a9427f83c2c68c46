using System.Diagnostics;
using Npgsql;

namespace Tpq.Chaos;

/// <summary>Puts a message of its own after a fault, and sees how long it takes until it was handled: the time of recovery.</summary>
sealed class Probe(World world)
{
    /// <summary>Whoever waits longer than this while consumers are alive is stuck.</summary>
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(45);

    readonly HashSet<long> _attempted = [], _acknowledged = [];
    long _next = Message.FirstKey(0);

    public IReadOnlySet<long> Attempted => _attempted;

    public IReadOnlySet<long> Acknowledged => _acknowledged;

    /// <returns>From now until it was handled; null where it took longer than the bound.</returns>
    public async Task<TimeSpan?> MeasureAsync(CancellationToken cancellationToken)
    {
        long began = Stopwatch.GetTimestamp();
        long? key = null;
        while (Stopwatch.GetElapsedTime(began) < Bound)
        {
            try
            {
                key ??= await PutAsync(cancellationToken);
                if (await world.ScalarAsync<bool>($"SELECT EXISTS (SELECT FROM {Names.Ledger} WHERE key = {key})", cancellationToken))
                    return Stopwatch.GetElapsedTime(began);
            }
            catch (Exception e) when (e is NpgsqlException or TpqException)
            {
                // The server is down; a message that may be there is not waited for.
            }
            // Another process handles it; that is seen by looking, and the bound decides.
            await Task.Delay(10, cancellationToken);
        }
        return null;
    }

    async Task<long> PutAsync(CancellationToken cancellationToken)
    {
        long key = _next++;
        _attempted.Add(key);
        await world.Client.Queue(Names.Queue).PutAsync(new Message(key, null).ToJson(), cancellationToken);
        _acknowledged.Add(key);
        return key;
    }
}
