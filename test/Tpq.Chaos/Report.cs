using System.Globalization;
using System.Text;

namespace Tpq.Chaos;

/// <summary>All rounds of a run, as a page in Markdown.</summary>
sealed class Report
{
    readonly List<RoundResult> _rounds = [];

    public bool IsClean => _rounds.TrueForAll(static r => r.Problems.Count == 0);

    public void Add(RoundResult round) => _rounds.Add(round);

    public override string ToString()
    {
        var text = new StringBuilder();
        Line($"| messages put | acknowledged | handled | dead letters | lost | twice | never put | out of order | stuck |");
        Line($"|---|---|---|---|---|---|---|---|---|");
        Line($"| {Sum(b => b.Put)} | {Sum(b => b.Acknowledged)} | {Sum(b => b.Handled)} | {Sum(b => b.Dead)} | {Sum(b => b.Lost)} | {Sum(b => b.Twice)} | {Sum(b => b.Unexpected)} | {Sum(b => b.OutOfOrder)} | {_rounds.Sum(r => r.Stuck)} |");
        Line($"");
        Line($"| fault | struck | recovery p50, ms | p99 | longest |");
        Line($"|---|---|---|---|---|");
        foreach (var kind in _rounds.SelectMany(r => r.Recoveries).GroupBy(r => r.Key, r => r.Value).OrderBy(k => k.Key, StringComparer.Ordinal))
        {
            double[] times = [.. kind.SelectMany(t => t).Select(t => t.TotalMilliseconds).Order()];
            Line($"| {kind.Key} | {times.Length:N0} | {At(times, 0.5):N0} | {At(times, 0.99):N0} | {times[^1]:N0} |");
        }
        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    string Sum(Func<Books, int> figure) => _rounds.Sum(r => (long)figure(r.Books)).ToString("N0", CultureInfo.InvariantCulture);

    static double At(double[] sorted, double part) => sorted[(int)Math.Ceiling(part * sorted.Length) - 1];
}
