namespace Tpq.Bench.Report;

/// <summary>A system as it was measured.</summary>
sealed record SystemDescription(string Name, string? Version, IReadOnlyList<string> Settings);
