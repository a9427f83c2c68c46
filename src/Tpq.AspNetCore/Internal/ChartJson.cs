using Tpq.Internal.Overview;

namespace Tpq.Internal;

/// <summary>The last minutes of a queue, in columns: times in seconds of the clock, depths, and rates, null for a gap.</summary>
sealed record ChartJson(double[] At, long[] Ready, double?[] In, double?[] Out)
{
    public static ChartJson Of(IReadOnlyList<RateSample> samples)
    {
        var rates = new (double In, double Out)?[samples.Count];
        for (int i = 0, first = 0; i < samples.Count; i++)
        {
            while (samples[first].At < samples[i].At - Rates.Mean)
                first++;
            rates[i] = samples[i].Since(samples[first]);
        }
        return new ChartJson(
            [.. samples.Select(static s => s.At.ToUnixTimeMilliseconds() / 1000.0)], [.. samples.Select(static s => s.Ready)],
            [.. rates.Select(static r => Rounded(r?.In))], [.. rates.Select(static r => Rounded(r?.Out))]);
    }

    static double? Rounded(double? rate) => rate is { } r ? Math.Round(r, 2) : null;
}
