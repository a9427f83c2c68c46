using System.Globalization;
using Tpq.Bench.Floor;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

sealed class DeepBacklog : SystemScenario
{
    const int Consumers = 8;

    readonly HashSet<QueueSystem> _filled = [];

    public DeepBacklog(Conditions conditions) : base(conditions)
    {
        string[] names = [.. conditions.Backlogs.Select(Name)];
        Tables =
        [
            new Table("Messages a second", [.. names.Select(Column.Of), new Column($"{names[^1]} against {names[0]}", names[^1], names[0])],
                FloorSystem.SystemName, TextbookSystem.SystemName) { RanksQueues = true },
        ];
        Charts = [new Chart("backlog", "Get at a backlog", "messages a second", names)];
    }

    public override char Letter => 'e';

    public override string Title => "Get at a backlog";

    public override string Text =>
        $"As (b), singly, with {Consumers} consumers, but in the benchmark's own process, while so many messages wait: what is taken is put back twenty times a second, by a statement of the "
        + "benchmark's own that goes around every trigger. Each backlog is a database of its own, filled once for all rounds.";

    public override IReadOnlyList<Table> Tables { get; }

    public override IReadOnlyList<Chart> Charts { get; }

    protected override IReadOnlyList<Case> Cases =>
        [.. Conditions.Backlogs.Select(backlog => Case.Of(Name(backlog), (system, cancellationToken) => MeasureAsync(system, backlog, cancellationToken)) with { Kept = true })];

    async Task<double> MeasureAsync(QueueSystem system, int backlog, CancellationToken cancellationToken)
    {
        if (_filled.Contains(system))
        {
            await system.Ledger.RenewAsync(cancellationToken);
            await system.Database.SettleAsync(cancellationToken);
        }
        else
        {
            await Backlogs.FillForSingleGetsAsync(system, backlog, cancellationToken);
            _filled.Add(system);
        }
        Progress progress = await new Gets(system, system.WorkSinglyAsync).WatchAsync(Consumers, Conditions.Window, backlog, level: true, cancellationToken);
        return progress.Rate;
    }

    static string Name(int backlog) => backlog >= 1_000_000
        ? string.Create(CultureInfo.InvariantCulture, $"{backlog / 1_000_000} million")
        : string.Create(CultureInfo.InvariantCulture, $"{backlog / 1_000} thousand");
}
