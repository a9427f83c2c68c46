using Tpq.Bench.Report;

namespace Tpq.Bench.Scenarios;

/// <summary>One question to the systems: what is measured, and how the answer is shown.</summary>
abstract class Scenario(Conditions conditions)
{
    public abstract char Letter { get; }

    public abstract string Title { get; }

    /// <summary>What is done, in the words of the page.</summary>
    public abstract string Text { get; }

    public abstract IReadOnlyList<Table> Tables { get; }

    public abstract IReadOnlyList<Chart> Charts { get; }

    protected Conditions Conditions => conditions;

    /// <summary>Runs all rounds and records what it finds.</summary>
    public abstract Task RunAsync(ScenarioRun run, CancellationToken cancellationToken);
}
