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

    /// <summary>
    /// First in their usual order, which is that of the report, and then in any: what one leaves to the next, a busy disk say, is not always the same one's.
    /// </summary>
    protected static T[] Ordered<T>(IReadOnlyList<T> subjects, int round)
    {
        T[] order = [.. subjects];
        if (round > 0)
            new Random(round).Shuffle(order);
        return order;
    }
}
