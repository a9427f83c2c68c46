using Tpq.Bench.Floor;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

sealed class SingleGet(Conditions conditions) : SystemScenario(conditions)
{
    public override char Letter => 'b';

    public override string Title => "Single get, with one row written";

    public override string Text =>
        "Consumers take one message after the other from a backlog that does not run out, and write one row for each, in the transaction "
        + "that removes the message where the system can do that. The rows are counted. And once with messages taken, or completed, in batches, where a system can do "
        + $"that or does nothing else: a batch has {QueueSystem.BatchSize} messages at most, and is one transaction with all of their rows where messages and rows can share one. Each system's consumers have a process of their own, which is warmed up {Conditions.LongerForProcesses} times as long as is said below, and once more before the first round; "
        + $"batches are measured {Conditions.LongerForBatches} times as long.";

    public override IReadOnlyList<Table> Tables =>
    [
        new("Messages a second", [.. Conditions.Workers.Select(n => Column.Of(Words.Consumers(n)))], FloorSystem.SystemName, TextbookSystem.SystemName) { RanksQueues = true },
        new("Messages a second, in batches", [.. Conditions.Workers.Select(n => new Column(Words.Consumers(n), InBatches(n)))]) { RanksQueues = true },
    ];

    public override IReadOnlyList<Chart> Charts =>
        [new("get", "Single get, with one row written", "messages a second", [.. Conditions.Workers.Select(Words.Consumers)])];

    protected override IReadOnlyList<Case> Cases => [.. WithRehearsal(Conditions.Workers.Select(Singly)), .. WithRehearsal(Conditions.Workers.Select(ManyAtATime))];

    Case Singly(int consumers) => Case.Of(Words.Consumers(consumers), async (system, cancellationToken) =>
    {
        long backlog = await Backlogs.FillForSingleGetsAsync(system, Conditions.WindowOfProcess, cancellationToken);
        return (await Apart(system, inBatches: false).WatchAsync(consumers, Conditions.WindowOfProcess, backlog, level: false, cancellationToken)).Rate;
    });

    Case ManyAtATime(int consumers) => Case.Of(InBatches(consumers), async (system, cancellationToken) =>
    {
        long backlog = await Backlogs.FillForBatchesAsync(system, Conditions.WindowOfBatches, cancellationToken);
        return (await Apart(system, inBatches: true).WatchAsync(consumers, Conditions.WindowOfBatches, backlog, level: false, cancellationToken)).Rate;
    });

    static Gets Apart(QueueSystem system, bool inBatches) => new(system, (consumers, handler, stop) => system.WorkApartAsync(inBatches, consumers, handler, stop));

    static string InBatches(int consumers) => $"{Words.Consumers(consumers)}, in batches";
}
