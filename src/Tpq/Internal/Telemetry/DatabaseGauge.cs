using Npgsql;
using Tpq.Internal.Overview;

namespace Tpq.Internal.Telemetry;

/// <summary>The overview of one client's database, read once for all that is collected at the same time.</summary>
sealed class DatabaseGauge(TpqClient client)
{
    /// <summary>What is collected together asks within this time.</summary>
    static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    /// <summary>A collection is not held up for longer: what comes later is for the next one.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    readonly Lock _gate = new();
    readonly OverviewReader _reader = new(client, client.Knows);
    Task<DatabaseOverview?>? _reading;
    long _began;

    /// <summary>Null where the database could not be read in time.</summary>
    public DatabaseOverview? Read()
    {
        Task<DatabaseOverview?> reading;
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

    async Task<DatabaseOverview?> ReadAsync()
    {
        try
        {
            return await _reader.ReadAsync(client.Stopping).ConfigureAwait(false);
        }
        catch (Exception e) when (e is NpgsqlException or TpqException or OperationCanceledException or ObjectDisposedException)
        {
            // Whoever puts or takes has the same trouble, and says so.
            return null;
        }
    }
}
