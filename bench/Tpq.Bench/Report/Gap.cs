namespace Tpq.Bench.Report;

/// <summary>A value that there is not, and why.</summary>
/// <param name="Scenario">The scenario's letter.</param>
/// <param name="Measure">The column of the scenario's table.</param>
/// <param name="System">The system that has none.</param>
/// <param name="Reason">Why.</param>
/// <param name="Failed">Whether it was tried and failed; otherwise the system cannot do it.</param>
sealed record Gap(char Scenario, string Measure, string System, string Reason, bool Failed);
