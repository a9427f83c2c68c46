namespace Tpq.Chaos.Workers;

/// <summary>What one process is to do.</summary>
/// <param name="Kind">Producers: <c>put</c>, <c>put-many</c>, <c>put-in-order</c>. Consumers: <c>held</c>, <c>leased</c>, <c>batch</c>, <c>python</c>, <c>in-order</c>.</param>
/// <param name="Database">A connection string.</param>
/// <param name="Number">No other process of the run has it, so that its keys are its own.</param>
/// <param name="Seed">Decides all that is chance.</param>
/// <param name="Rate">Messages a second that a producer aims at.</param>
/// <param name="Acknowledgements">The file in which a producer says what it is about to put, and what it has put.</param>
sealed record Job(string Kind, string Database, int Number, int Seed, int Rate, string? Acknowledgements)
{
    public bool IsProducer => Puts(Kind);

    /// <summary>Whether it puts hundreds at a time.</summary>
    public bool IsOfMany => Kind == "put-many";

    public string Queue => Kind.EndsWith("in-order", StringComparison.Ordinal) ? Names.OrderQueue : Names.Queue;

    public static bool Puts(string kind) => kind.StartsWith("put", StringComparison.Ordinal);
}
