namespace Tpq.Bench.Report;

/// <summary>A column of a table.</summary>
/// <param name="Title">Its heading.</param>
/// <param name="Measure">What it shows.</param>
/// <param name="Over">When set, it shows the measure divided by this one of the same round and system.</param>
sealed record Column(string Title, string Measure, string? Over = null)
{
    public static Column Of(string measure) => new(measure, measure);
}
