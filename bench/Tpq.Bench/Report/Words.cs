using System.Globalization;

namespace Tpq.Bench.Report;

/// <summary>Numbers, and what they count, as the page shows them.</summary>
static class Words
{
    public const string Dash = "–";

    /// <summary>Three digits that count.</summary>
    public static string Number(double value) => double.IsNaN(value) ? Dash : Math.Abs(value) switch
    {
        >= 100 => value.ToString("#,0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("0.0", CultureInfo.InvariantCulture),
        >= 1 => value.ToString("0.00", CultureInfo.InvariantCulture),
        _ => value.ToString("0.###", CultureInfo.InvariantCulture),
    };

    /// <summary>The median, and the lowest and the highest where there are several.</summary>
    public static string Spread(IReadOnlyList<double> values) => values.Count switch
    {
        0 => Dash,
        1 => Number(values[0]),
        _ => $"{Number(Statistics.Median(values))} ({Number(values.Min())}–{Number(values.Max())})",
    };

    public static string Producers(int count) => count == 1 ? "1 producer" : $"{count} producers";

    public static string Consumers(int count) => count == 1 ? "1 consumer" : $"{count} consumers";
}
