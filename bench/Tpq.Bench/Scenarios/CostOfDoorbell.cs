using Tpq.Bench.Floor;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;

namespace Tpq.Bench.Scenarios;

/// <summary>What the trigger costs a put, whoever sends it: (a) has the driver and shared commits in it too.</summary>
sealed class CostOfDoorbell(Conditions conditions) : Scenario(conditions)
{
    const string Name = "doorbell", None = "notify: never";

    public override char Letter => 'p';

    public override string Title => "What the doorbell costs a put";

    public override string Text =>
        "The bare `INSERT` is sent by pgbench to queues of tpq's own, as in (a) for the floor, each in a transaction of its own, and nobody waits for messages. With `notify: never` there is no trigger; "
        + "with `auto`, the default, it looks whether somebody sleeps; with `always` every transaction notifies, as a trigger of the textbook does, and those commit one by one.";

    public override IReadOnlyList<Table> Tables => [new("Messages a second", [.. Conditions.Workers.Select(n => Column.Of(Words.Producers(n)))], None)];

    public override IReadOnlyList<Chart> Charts => [new(Name, Title, "messages a second", [.. Conditions.Workers.Select(Words.Producers)])];

    public override async Task RunAsync(ScenarioRun run, CancellationToken cancellationToken)
    {
        await using Database database = await run.Server.CreateDatabaseAsync(Name, cancellationToken);
        await using var client = new TpqClient(database.ConnectionString(Name).ConnectionString);
        TpqQueue queue = client.Queue(Name);
        var pgbench = new Pgbench(new PostgresProgram("pgbench", run.Server.BinDirectory, database));
        (string Name, TpqNotify Notify)[] variants = [(None, TpqNotify.Never), ("notify: auto", TpqNotify.Auto), ("notify: always", TpqNotify.Always)];
        run.Expect(Conditions.Rounds * Conditions.Workers.Count * variants.Length);
        for (int round = 0; round < Conditions.Rounds; round++)
            foreach (int producers in Conditions.Workers)
                foreach ((string name, TpqNotify notify) in Ordered(variants, round))
                {
                    run.Begin($"{name}, {Words.Producers(producers)}, round {round + 1}");
                    await queue.CreateAsync(new TpqQueueOptions { Notify = notify }, cancellationToken);
                    await database.SettleAsync(cancellationToken);
                    double rate = await pgbench.RateAsync($"INSERT INTO tpq_{queue.Name} (data) VALUES ('{Payload.Plain}');\n", Conditions.Window, cancellationToken, producers);
                    run.Record(new Value(Words.Producers(producers), rate), name, round);
                    await queue.DropAsync(cancellationToken);
                    run.End();
                }
    }
}
