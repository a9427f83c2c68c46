using System.Diagnostics;
using Npgsql;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

/// <summary>A profile of (b): who uses the processors, and what the sessions wait for.</summary>
sealed class WhereTimeGoes(Conditions conditions) : SystemScenario(conditions)
{
    const string Rate = "messages a second", Client = "client, µs a message", Server = "server, µs a message", Busy = "processors busy, %",
        Running = "running", Disk = "waiting for the log", Locked = "waiting for a lock", Idle = "waiting for the client";

    static readonly string[] Measures = [Rate, Client, Server, Busy, Running, Disk, Locked, Idle];

    public override char Letter => 'n';

    public override string Title => "Where the time of a get goes";

    public override string Text =>
        "As (b), and meanwhile: the CPU time that the client's processes and the server's have used for each message, and how much of the machine's processors that is; "
        + "and what the sessions of the system were about, on the average of looks at `pg_stat_activity`, twenty a second: running (or waiting for a processor), waiting for the write-ahead log "
        + "to be on the disk, waiting for another lock, or waiting for the client's next statement.";

    public override IReadOnlyList<Table> Tables =>
        [.. Consumers.Select(static n => new Table($"{n} consumers", [.. Measures.Select(m => new Column(m, Name(m, n)))]))];

    public override IReadOnlyList<Chart> Charts { get; } = [];

    protected override IReadOnlyList<Case> Cases =>
        [.. Consumers.Select(n => new Case($"{n} consumers", [.. Measures.Select(m => Name(m, n))], (system, cancellationToken) => MeasureAsync(system, n, cancellationToken)))];

    /// <summary>One alone waits for the disk most of the time.</summary>
    IEnumerable<int> Consumers => Conditions.Workers.Where(static n => n > 1);

    async Task<IReadOnlyList<Value>> MeasureAsync(QueueSystem system, int consumers, CancellationToken cancellationToken)
    {
        if (!system.TakesSingly)
            throw new NotPossibleException($"{system.Name} gives out whole batches only");
        await Backlogs.FillAsync(system, Conditions.Window, cancellationToken);
        await using NpgsqlConnection onlooker = await system.Database.ConnectAsync(cancellationToken);
        await using var consumption = new Consumption(stop => system.WorkAsync(consumers, system.NewHandler(Work.WriteRow), stop), cancellationToken);
        await consumption.StartedAsync(() => system.Ledger.CountAsync(cancellationToken), cancellationToken);
        await Task.Delay(Conditions.Window.Warmup, cancellationToken);
        (ProcessorTime time, long count, long began) = (ProcessorTime.Now(onlooker.ProcessID), await system.Ledger.CountAsync(cancellationToken), Stopwatch.GetTimestamp());
        var states = new SessionStates();
        await states.WatchAsync(system, Conditions.Window.Length, cancellationToken);
        await consumption.ThrowIfEndedAsync();
        TimeSpan took = Stopwatch.GetElapsedTime(began);
        (time, count) = (ProcessorTime.Now(onlooker.ProcessID) - time, await system.Ledger.CountAsync(cancellationToken) - count);
        double[] values =
        [
            count / took.TotalSeconds, time.Client.TotalMicroseconds / count, time.Server.TotalMicroseconds / count,
            100 * (time.Client + time.Server) / took / Environment.ProcessorCount, states.Running, states.Disk, states.Locked, states.Idle,
        ];
        return [.. Measures.Zip(values, (measure, value) => new Value(Name(measure, consumers), value))];
    }

    static string Name(string measure, int consumers) => $"{measure} ({consumers})";
}
