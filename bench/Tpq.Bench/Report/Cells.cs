using Tpq.Bench.Floor;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Report;

/// <summary>Finds the values of a scenario's table.</summary>
sealed class Cells(ScenarioResults results)
{
    /// <summary>The systems that have a value or a reason for none, in the order of their first appearance.</summary>
    public IReadOnlyList<string> Systems { get; } =
        [.. results.Figures.Select(f => f.System).Concat(results.Gaps.Select(g => g.System)).Distinct()];

    /// <summary>A value for each round, as the column has it.</summary>
    public IReadOnlyList<double> Of(string system, Column column) => column.Over is { } over
        ? Quotients(Find(system, column.Measure), Find(system, over))
        : [.. Find(system, column.Measure).Values];

    /// <summary>In each round, the column of one system divided by that of another.</summary>
    public IReadOnlyList<double> Ratios(string system, string against, Column column) =>
        Quotients(Find(system, column.Measure), Find(against, column.Measure));

    /// <summary>The queue, tpq aside, with the highest median; null where none has a value.</summary>
    public string? FastestOther(Column column) => Systems
        .Where(system => system is not (FloorSystem.SystemName or TpqSystem.SystemName) && Find(system, column.Measure).Count > 0)
        .MaxBy(system => Statistics.Median(Of(system, column)));

    public Gap? GapOf(string system, Column column) =>
        results.Gaps.FirstOrDefault(gap => gap.System == system && (gap.Measure == column.Measure || gap.Measure == column.Over));

    Dictionary<int, double> Find(string system, string measure) =>
        results.Figures.Where(f => f.System == system && f.Measure == measure).ToDictionary(f => f.Round, f => f.Value);

    static double[] Quotients(Dictionary<int, double> values, Dictionary<int, double> divisors) =>
        [.. values.Where(v => divisors.GetValueOrDefault(v.Key) > 0).Select(v => v.Value / divisors[v.Key])];
}
