namespace Tpq.Bench.Systems;

/// <summary>A payload for systems that serialize objects. Public, because they find it by reflection.</summary>
/// <param name="Json">The payload.</param>
public sealed record BenchMessage(string Json);
