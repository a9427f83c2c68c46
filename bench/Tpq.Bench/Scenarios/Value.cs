namespace Tpq.Bench.Scenarios;

/// <summary>A value of a case, before it is known of which system and round.</summary>
readonly record struct Value(string Measure, double Number, IReadOnlyList<double>? Series = null);
