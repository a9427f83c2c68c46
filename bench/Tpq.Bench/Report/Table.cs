namespace Tpq.Bench.Report;

/// <summary>A table of a scenario: one row for each system, one column for each measure.</summary>
/// <param name="Caption">What its values are, with the unit.</param>
/// <param name="Columns">The measures.</param>
/// <param name="Against">The systems to whose value of the same round every value is also put in relation.</param>
sealed record Table(string Caption, IReadOnlyList<Column> Columns, params IReadOnlyList<string> Against)
{
    /// <summary>Whether its values are rates of queues; then tpq's are also put in relation to those of the fastest other queue, whichever that is.</summary>
    public bool RanksQueues { get; init; }
}
