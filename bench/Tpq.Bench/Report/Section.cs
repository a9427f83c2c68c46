using System.Text;
using Tpq.Bench.Scenarios;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Report;

/// <summary>A scenario on the page.</summary>
sealed class Section(StringBuilder page, Scenario scenario, ScenarioResults results)
{
    readonly Cells _cells = new(results);

    public void Write()
    {
        page.Append($"## ({scenario.Letter}) {scenario.Title}\n\n{scenario.Text}\n\n");
        foreach (Table table in scenario.Tables)
        {
            WriteTable(table.Caption, table, (system, column) => _cells.Of(system, column));
            foreach (string against in table.Against.Where(_cells.Systems.Contains))
                WriteTable($"{table.Caption}: ratio to {against}", table with { Columns = [.. table.Columns.Where(c => c.Over is null)] },
                    (system, column) => system == against ? [] : _cells.Ratios(system, against, column), except: against);
            if (table.RanksQueues && _cells.Systems.Contains(TpqSystem.SystemName))
                WriteRank(table);
        }
        foreach (Chart chart in scenario.Charts)
            page.Append($"![{chart.Title}]({ChartFile.Folder}/{chart.Name}.svg)\n\n");
        WriteGaps();
        page.Append($"Measured on {results.Date}: {results.Conditions}.\n\n");
    }

    void WriteTable(string caption, Table table, Func<string, Column, IReadOnlyList<double>> values, string? except = null)
    {
        string[] systems = [.. _cells.Systems.Where(s => s != except && (except is null || table.Columns.Any(c => values(s, c).Count > 0)))];
        if (systems.Length == 0)
            return;
        WriteHead(caption, table.Columns);
        foreach (string system in systems)
            WriteRow(system, table.Columns.Select(column => Cell(system, column, values(system, column))));
        page.Append('\n');
    }

    void WriteRank(Table table)
    {
        Column[] columns = [.. table.Columns.Where(c => c.Over is null)];
        WriteHead($"{table.Caption}: ratio to the fastest other queue", columns);
        WriteRow(TpqSystem.SystemName, columns.Select(column => _cells.FastestOther(column) is { } fastest
            ? $"{Words.Spread(_cells.Ratios(TpqSystem.SystemName, fastest, column))} {fastest}"
            : Words.Dash));
        page.Append('\n');
    }

    void WriteHead(string caption, IReadOnlyList<Column> columns) => page
        .Append($"| {caption} | {string.Join(" | ", columns.Select(column => column.Title))} |\n")
        .Append($"| --- |{string.Concat(columns.Select(_ => " ---: |"))}\n");

    void WriteRow(string system, IEnumerable<string> cells) => page.Append($"| {system} | {string.Join(" | ", cells)} |\n");

    /// <summary>A failure shows even where other rounds went well.</summary>
    string Cell(string system, Column column, IReadOnlyList<double> values) =>
        _cells.GapOf(system, column) is { Failed: true } ? (values.Count == 0 ? "failed" : $"{Words.Spread(values)}, then failed") : Words.Spread(values);

    void WriteGaps()
    {
        var gaps = results.Gaps.GroupBy(gap => (gap.System, gap.Reason, gap.Failed)).ToArray();
        int measures = results.Figures.Select(f => f.Measure).Concat(results.Gaps.Select(g => g.Measure)).Distinct().Count();
        foreach (var gap in gaps)
        {
            string[] missing = [.. gap.Select(g => g.Measure).Distinct()];
            page.Append($"- {gap.Key.System}{(missing.Length == measures ? "" : $" ({string.Join("; ", missing)})")}: {(gap.Key.Failed ? "failed: " : "")}{OneLine(gap.Key.Reason)}\n");
        }
        foreach (Note note in results.Notes)
            page.Append($"- {note.System}: {note.Words}\n");
        if (gaps.Length + results.Notes.Count > 0)
            page.Append('\n');
    }

    static string OneLine(string words) => string.Join(' ', words.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
