using Npgsql;
using Tpq.Internal.Overview;

namespace Tpq.Internal.Telemetry;

/// <summary>Depth and age of all queues that one client uses, read once for all that is collected at the same time.</summary>
/// <remarks>
/// One statement, as long as the queues are what they were. Where one has come or gone, or something fails, it asks the catalog what there is and looks into each queue by itself, so that
/// one which is locked or dropped hides none of the others; so it does too where there are more than one statement should look into.
/// </remarks>
sealed class DatabaseGauge(TpqClient client)
{
    /// <summary>What is collected together asks within this time.</summary>
    static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    /// <summary>A collection is not held up for longer: what comes later is for the next one.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>So many queues are one statement: more would hold more locks at once than a server may have room for, though none that anybody waits for but DDL.</summary>
    const int MostAtOnce = 500;

    /// <summary>For the statement about all. It waits for nobody but DDL.</summary>
    const int StatementSeconds = 1;

    readonly Lock _gate = new();
    readonly OverviewReader _reader = new(client, client.Knows);
    Dictionary<string, QueueStatistics> _seen = [];
    Task<IReadOnlyDictionary<string, QueueGauge>?>? _reading;
    long _began;

    /// <summary>By the name of the queue: those that are there. Null where the database could not be read in time.</summary>
    public IReadOnlyDictionary<string, QueueGauge>? Read()
    {
        Task<IReadOnlyDictionary<string, QueueGauge>?> reading;
        lock (_gate)
        {
            if (_reading is null || (_reading.IsCompleted && client.Time.GetElapsedTime(_began) > Fresh))
            {
                _began = client.Time.GetTimestamp();
                using (ExecutionContext.SuppressFlow())
                    _reading = Task.Run(ReadAsync);
            }
            reading = _reading;
        }
        // The meter has no other way: it asks for the value, and goes on with it.
        return reading.Wait(Patience) ? reading.Result : null;
    }

    async Task<IReadOnlyDictionary<string, QueueGauge>?> ReadAsync()
    {
        try
        {
            QueueName[] queues = [.. client.KnownQueues.Select(static q => q.Name)];
            if (queues.Length == 0)
                return null;
            return queues.Length <= MostAtOnce && await ReadAtOnceAsync(queues).ConfigureAwait(false) is { } gauges ? gauges : await ReadEachAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is NpgsqlException or TpqException or OperationCanceledException or ObjectDisposedException)
        {
            // Whoever puts or takes has the same trouble, and says so.
            return null;
        }
    }

    /// <summary>Null where the catalog is to be asked.</summary>
    async Task<IReadOnlyDictionary<string, QueueGauge>?> ReadAtOnceAsync(QueueName[] queues)
    {
        try
        {
            NpgsqlConnection connection = await client.OpenOwnAsync(client.Stopping).ConfigureAwait(false);
            await using var _ = connection.ConfigureAwait(false);
            var command = new NpgsqlCommand(QueueGauge.Statement(queues.Select(q => (q, _seen.GetValueOrDefault(q.Queue)))), connection) { CommandTimeout = StatementSeconds };
            await using var __ = command.ConfigureAwait(false);
            NpgsqlDataReader reader = await command.ExecuteReaderAsync(client.Stopping).ConfigureAwait(false);
            await using var ___ = reader.ConfigureAwait(false);
            var gauges = new Dictionary<string, QueueGauge>(StringComparer.Ordinal);
            while (await reader.ReadAsync(client.Stopping).ConfigureAwait(false))
            {
                if (reader.GetBoolean(1))
                    return null;
                string queue = queues[reader.GetInt32(0)].Queue;
                if (_seen.ContainsKey(queue))
                    gauges.Add(queue, QueueGauge.Read(reader));
            }
            return gauges;
        }
        catch (NpgsqlException e) when (e is PostgresException ? !Fault.IsConnectionLoss(e) : e.InnerException is TimeoutException && !Fault.IsPoolExhausted(e))
        {
            return null;
        }
    }

    async Task<IReadOnlyDictionary<string, QueueGauge>> ReadEachAsync()
    {
        DatabaseOverview overview = await _reader.ReadAsync(client.Stopping).ConfigureAwait(false);
        _seen = overview.Queues.ToDictionary(static q => q.Name, static q => q.Statistics, StringComparer.Ordinal);
        return overview.Queues.ToDictionary(static q => q.Name, q => QueueGauge.Of(q.Ready.Count, q.Oldest, overview.At), StringComparer.Ordinal);
    }
}
