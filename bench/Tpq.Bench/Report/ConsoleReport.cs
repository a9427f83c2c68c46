using Spectre.Console;
using Tpq.Bench.Scenarios;

namespace Tpq.Bench.Report;

/// <summary>The tables of a scenario in the terminal.</summary>
static class ConsoleReport
{
    public static void Write(Scenario scenario, ScenarioResults results)
    {
        var cells = new Cells(results);
        foreach (Table table in scenario.Tables)
        {
            var grid = new Spectre.Console.Table().Title(Markup.Escape($"({scenario.Letter}) {scenario.Title}: {table.Caption}"));
            grid.AddColumn("");
            foreach (Column column in table.Columns)
                grid.AddColumn(new TableColumn(Markup.Escape(column.Title)).RightAligned());
            foreach (string system in cells.Systems)
                grid.AddRow([Markup.Escape(system), .. table.Columns.Select(column => Cell(cells, system, column))]);
            AnsiConsole.Write(grid);
        }
    }

    static string Cell(Cells cells, string system, Column column) =>
        cells.GapOf(system, column) is { } gap ? (gap.Failed ? "[red]failed[/]" : Words.Dash) : Markup.Escape(Words.Spread(cells.Of(system, column)));
}
