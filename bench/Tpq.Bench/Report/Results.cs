namespace Tpq.Bench.Report;

/// <summary>Everything that the page is made of.</summary>
sealed record Results(
    MachineDescription Machine,
    IReadOnlyDictionary<string, string> Server,
    IReadOnlyList<SystemDescription> Systems,
    IReadOnlyList<ScenarioResults> Scenarios)
{
    /// <summary>The results of a later run in place of those that it has anew.</summary>
    public Results Merge(Results later) => later with
    {
        Systems = [.. Systems.ExceptBy(later.Systems.Select(s => s.Name), s => s.Name), .. later.Systems],
        Scenarios = [.. Scenarios.ExceptBy(later.Scenarios.Select(s => s.Letter), s => s.Letter)
            .Concat(later.Scenarios).OrderBy(s => s.Letter)],
    };
}
