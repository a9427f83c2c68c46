namespace Tpq.Bench.Report;

/// <summary>A chart of a scenario.</summary>
/// <param name="Name">The name of its file.</param>
/// <param name="Title">What it shows.</param>
/// <param name="Axis">The unit of the values.</param>
/// <param name="Measures">What is drawn: bars of each, or the series of the first over time.</param>
/// <param name="OverTime">Whether it is lines, second by second.</param>
sealed record Chart(string Name, string Title, string Axis, IReadOnlyList<string> Measures, bool OverTime = false)
{
    /// <summary>Whether the values lie so far apart that only a logarithmic axis shows them all.</summary>
    public bool Logarithmic { get; init; }
}
