using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

/// <summary>A profile of (a) and (b): who uses the processors, and what the sessions wait for.</summary>
sealed class WhereTimeGoes(Conditions conditions) : SystemScenario(conditions)
{
    const string Rate = "messages a second", Client = "client, µs a message", Server = "server, µs a message", Busy = "processors busy, %",
        Running = "running", Disk = "waiting for the log", Locked = "waiting for a lock", Idle = "waiting for the client";

    static readonly string[] Measures = [Rate, Client, Server, Busy, Running, Disk, Locked, Idle];

    public override char Letter => 'n';

    public override string Title => "Where the time goes";

    public override string Text =>
        "As (a) and (b), and meanwhile: the CPU time that the client's processes and the server's have used for each message, and how much of the machine's processors that is; "
        + "and what the sessions of the system were about, on the average of looks at `pg_stat_activity`, twenty a second: running (or waiting for a processor), waiting for the write-ahead log "
        + "to be on the disk, waiting for another lock, or waiting for the client's next statement.";

    public override IReadOnlyList<Table> Tables => [.. Cases.Select(static c => new Table(c.Name, [.. Measures.Select(m => new Column(m, Name(m, c.Name)))]))];

    public override IReadOnlyList<Chart> Charts { get; } = [];

    protected override IReadOnlyList<Case> Cases =>
    [
        .. Conditions.Workers.Select(Put), PutUnshared(Conditions.Workers[^1]),
        .. WithRehearsal(Conditions.Workers.Select(Get)), .. WithRehearsal(Conditions.Workers.Select(GetInBatches)),
    ];

    Case Put(int producers) => Of($"Put, {Words.Producers(producers)}", (system, cancellationToken) =>
        ProfilePutAsync(system, () => system.PutAsync(producers, Conditions.Window, cancellationToken), cancellationToken));

    Case PutUnshared(int producers) => Of($"Put, {Words.Producers(producers)}, no commit shared", (system, cancellationToken) =>
        ProfilePutAsync(system, () => system.PutUnsharedAsync(producers, Conditions.Window, cancellationToken), cancellationToken));

    Case Get(int consumers) => Of($"Get, {Words.Consumers(consumers)}", async (system, cancellationToken) =>
    {
        await Backlogs.FillForSingleGetsAsync(system, Conditions.WindowOfProcess, cancellationToken);
        return await TimeProfile.OfGetsAsync(system, Conditions.WindowOfProcess, stop => system.WorkApartAsync(inBatches: false, consumers, system.NewHandler(Work.WriteRow), stop), cancellationToken);
    });

    Case GetInBatches(int consumers) => Of($"Get in batches, {Words.Consumers(consumers)}", async (system, cancellationToken) =>
    {
        await Backlogs.FillForBatchesAsync(system, Conditions.WindowOfBatches, cancellationToken);
        return await TimeProfile.OfGetsAsync(system, Conditions.WindowOfBatches, stop => system.WorkApartAsync(inBatches: true, consumers, system.NewHandler(Work.WriteRow), stop), cancellationToken);
    });

    async Task<(double, TimeProfile)> ProfilePutAsync(QueueSystem system, Func<Task<double>> putAsync, CancellationToken cancellationToken)
    {
        await system.RenewAsync(cancellationToken);
        await system.Database.SettleAsync(cancellationToken);
        Task<double> put = putAsync();
        await Task.WhenAny(put, Task.Delay(Conditions.Window.Warmup, cancellationToken));
        if (put.IsFaulted)
            await put;
        TimeProfile profile = await TimeProfile.TakeAsync(system, Conditions.Window.Length, cancellationToken);
        return (await put, profile);
    }

    static Case Of(string name, Func<QueueSystem, CancellationToken, Task<(double Rate, TimeProfile Profile)>> profileAsync) =>
        new(name, [.. Measures.Select(m => Name(m, name))], async (system, cancellationToken) =>
        {
            (double rate, TimeProfile profile) = await profileAsync(system, cancellationToken);
            double messages = rate * profile.Length.TotalSeconds;
            ProcessorTime used = profile.Used;
            SessionStates sessions = profile.Sessions;
            double[] values =
            [
                rate, used.Client.TotalMicroseconds / messages, used.Server.TotalMicroseconds / messages,
                100 * (used.Client + used.Server) / profile.Length / Environment.ProcessorCount, sessions.Running, sessions.Disk, sessions.Locked, sessions.Idle,
            ];
            return [.. Measures.Zip(values, (measure, value) => new Value(Name(measure, name), value))];
        });

    static string Name(string measure, string of) => $"{measure} ({of})";
}
