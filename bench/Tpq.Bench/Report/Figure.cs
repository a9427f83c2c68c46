namespace Tpq.Bench.Report;

/// <summary>One measured value.</summary>
/// <param name="Scenario">The scenario's letter.</param>
/// <param name="Measure">The column of the scenario's table.</param>
/// <param name="System">The system that was measured.</param>
/// <param name="Round">In which round; what is compared is compared within a round.</param>
/// <param name="Value">In the unit of the table.</param>
/// <param name="Series">The same over time, a value for each second, where that is shown.</param>
sealed record Figure(char Scenario, string Measure, string System, int Round, double Value, IReadOnlyList<double>? Series = null);
