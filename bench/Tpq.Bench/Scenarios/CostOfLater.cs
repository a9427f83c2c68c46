using System.Globalization;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

/// <summary>What it costs to wait for messages that are far from due, beside waiting for nothing.</summary>
sealed class CostOfLater(Conditions conditions) : Scenario(conditions)
{
    const string Name = "later", Nothing = "nothing for later", Core = "% of a core", Connections = "connections";
    const int Queues = 100, Many = 1000;

    static readonly string Tomorrow = string.Create(CultureInfo.InvariantCulture, $"{Many:N0} messages for tomorrow in each");

    public override char Letter => 'm';

    public override string Title => "What messages for later cost while they wait";

    public override string Text =>
        $"tpq alone: a process of its own consumes {Queues} queues in which nothing is ready, for {Conditions.Waiting.Length.TotalSeconds:0} s, and does nothing else: its CPU time, and its connections. "
        + $"With nothing for later, and with {Many:N0} messages in each queue that are due tomorrow.";

    public override IReadOnlyList<Table> Tables { get; } = [new($"{Queues} queues", [Report.Column.Of(Core), Report.Column.Of(Connections)])];

    public override IReadOnlyList<Chart> Charts { get; } = [];

    public override async Task RunAsync(ScenarioRun run, CancellationToken cancellationToken)
    {
        (string Name, int Messages)[] variants = [(Nothing, 0), (Tomorrow, Many)];
        run.Expect(Conditions.Rounds * variants.Length);
        for (int round = 0; round < Conditions.Rounds; round++)
            foreach (int i in Enumerable.Range(0, variants.Length))
            {
                (string name, int messages) = variants[(i + round) % variants.Length];
                run.Begin($"{name}, round {round + 1}");
                await using Database database = await run.Server.CreateDatabaseAsync(Name, cancellationToken);
                await using QueueSystem system = Catalog.Create(TpqSystem.SystemName, database);
                await PutAsync(database, messages, cancellationToken);
                IdleCost cost = await system.MeasureIdleAsync(Queues, Conditions.Waiting, cancellationToken);
                run.Record(new Value(Core, cost.Core * 100), name, round);
                run.Record(new Value(Connections, cost.Connections), name, round);
                run.End();
            }
    }

    static async Task PutAsync(Database database, int messages, CancellationToken cancellationToken)
    {
        await using var client = new TpqClient(database.ConnectionString(Name).ConnectionString);
        foreach (int number in Enumerable.Range(0, Queues))
        {
            TpqQueue queue = client.Queue(TpqSystem.IdleQueue(number));
            await queue.CreateAsync(cancellationToken: cancellationToken);
            await queue.PutManyAsync(Enumerable.Repeat(new TpqPut(Payload.Plain) { Delay = TimeSpan.FromDays(1) }, messages), cancellationToken);
        }
    }
}
