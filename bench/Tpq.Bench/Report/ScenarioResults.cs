namespace Tpq.Bench.Report;

/// <summary>What one run of one scenario found.</summary>
/// <param name="Letter">The scenario's letter.</param>
/// <param name="Date">The day of the run, in UTC.</param>
/// <param name="Conditions">How long and how often, in words.</param>
/// <param name="Rounds">How many rounds.</param>
/// <param name="Seconds">How long a measurement was.</param>
/// <param name="Quick">Whether the run was a quick one, whose figures are only a smoke test.</param>
/// <param name="Figures">All values of all rounds.</param>
/// <param name="Gaps">What is missing, and why.</param>
/// <param name="Notes">What has to be known of values that are there.</param>
sealed record ScenarioResults(
    char Letter, string Date, string Conditions, int Rounds, double Seconds, bool Quick, IReadOnlyList<Figure> Figures, IReadOnlyList<Gap> Gaps, IReadOnlyList<Note> Notes);
