namespace Tpq.Bench.Report;

/// <summary>What the reader has to know of a system's values in a scenario.</summary>
sealed record Note(string System, string Words);
