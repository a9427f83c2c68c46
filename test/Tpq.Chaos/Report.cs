using System.Globalization;
using System.Text;

namespace Tpq.Chaos;

/// <summary>All rounds, as tables in Markdown.</summary>
sealed class Report(IReadOnlyCollection<RoundResult> rounds)
{
    const string Begin = "<!-- rounds -->\n", End = "<!-- end of rounds -->\n";

    public override string ToString()
    {
        var text = new StringBuilder();
        Line($"| | rounds | messages put | acknowledged | handled | dead letters | lost | twice | never put | out of order | stuck |");
        Line($"|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (var kind in rounds.GroupBy(r => (r.Standby, r.Server)).OrderBy(k => k.Key.Standby).ThenBy(k => k.Key.Server, StringComparer.Ordinal))
        {
            string Sum(Func<Books, int> figure) => kind.Sum(r => (long)figure(r.Books)).ToString("N0", CultureInfo.InvariantCulture);
            Line($"| PostgreSQL {kind.Key.Server}, {Words(kind.Key.Standby)} | {kind.Count()} | {Sum(b => b.Put)} | {Sum(b => b.Acknowledged)} | {Sum(b => b.Handled)} | {Sum(b => b.Dead)} | {Sum(b => b.Lost)} | {Sum(b => b.Twice)} | {Sum(b => b.Unexpected)} | {Sum(b => b.OutOfOrder)} | {kind.Sum(r => r.Stuck)} |");
        }
        Line($"");
        Line($"| fault | struck | recovery p50, ms | p99 | longest |");
        Line($"|---|---|---|---|---|");
        foreach (var kind in rounds.SelectMany(Recoveries).GroupBy(r => r.Name, r => r.Times).OrderBy(k => k.Key, StringComparer.Ordinal))
        {
            int[] times = [.. kind.SelectMany(t => t).Order()];
            Line($"| {kind.Key} | {times.Length:N0} | {At(times, 0.5):N0} | {At(times, 0.99):N0} | {times[^1]:N0} |");
        }
        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    /// <summary>Puts the tables into a page, between its marks.</summary>
    public void WriteInto(string page)
    {
        string text = File.ReadAllText(page);
        int begin = text.IndexOf(Begin, StringComparison.Ordinal), end = text.IndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin)
            throw new InvalidDataException($"{page} has no place for the tables: the lines {Begin.TrimEnd()} and {End.TrimEnd()}.");
        File.WriteAllText(page, $"{text[..(begin + Begin.Length)]}\n{this}\n{text[end..]}");
    }

    static IEnumerable<(string Name, List<int> Times)> Recoveries(RoundResult round) =>
        round.Recoveries.Select(r => (r.Key == Faults.Failover.Kind.Name ? $"{r.Key}, {Words(round.Standby)}" : r.Key, r.Value));

    static string Words(Standby standby) => standby switch
    {
        Standby.Synchronous => "synchronous standby",
        Standby.Asynchronous => "asynchronous standby",
        _ => "no standby",
    };

    static int At(int[] sorted, double part) => sorted[(int)Math.Ceiling(part * sorted.Length) - 1];
}
