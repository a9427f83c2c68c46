using Npgsql;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Measuring;

/// <summary>What the sessions of a system were about, on the average of looks at pg_stat_activity.</summary>
sealed class SessionStates
{
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    double _running, _disk, _locked, _idle;
    int _looks;

    /// <summary>At work, or waiting for a processor.</summary>
    public double Running => _running / _looks;

    /// <summary>Waiting for the log to be on the disk, its own part or another's.</summary>
    public double Disk => _disk / _looks;

    /// <summary>Waiting for another lock, on a row, a page or a structure in memory.</summary>
    public double Locked => _locked / _looks;

    /// <summary>Waiting for the client's next statement.</summary>
    public double Idle => _idle / _looks;

    public async Task WatchAsync(QueueSystem system, TimeSpan time, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await system.Database.ConnectAsync(cancellationToken);
        await using var look = new NpgsqlCommand(
            """
            SELECT count(*) FILTER (WHERE wait_event IS NULL), count(*) FILTER (WHERE wait_event LIKE 'WAL%' OR wait_event_type = 'IO'),
                   count(*) FILTER (WHERE wait_event_type = 'Client'), count(*)
            FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND application_name <> $1
            """,
            connection)
        { Parameters = { new NpgsqlParameter<string> { TypedValue = Database.Onlooker } } };
        Task end = Task.Delay(time, cancellationToken);
        while (!end.IsCompleted)
        {
            await LookAsync(look, cancellationToken);
            await Task.WhenAny(end, Task.Delay(Interval, cancellationToken));
        }
        await end;
    }

    async Task LookAsync(NpgsqlCommand look, CancellationToken cancellationToken)
    {
        await using NpgsqlDataReader reader = await look.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        (long running, long disk, long idle, long all) = (reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3));
        (_running, _disk, _idle, _locked, _looks) = (_running + running, _disk + disk, _idle + idle, _locked + all - running - disk - idle, _looks + 1);
    }
}
