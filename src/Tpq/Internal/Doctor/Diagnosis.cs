namespace Tpq.Internal;

/// <summary>All that an examination has found, the worst first.</summary>
/// <param name="Queues">How many queues were looked at.</param>
/// <param name="Findings">Empty where there is nothing to say.</param>
sealed record Diagnosis(int Queues, IReadOnlyList<Finding> Findings)
{
    public Severity Worst => Findings.Select(static f => f.Severity).DefaultIfEmpty(Severity.Info).Max();
}
