using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Series;

namespace Tpq.Bench.Report;

/// <summary>Bars of medians: a group for each system, in it a bar for each measure.</summary>
static class BarChart
{
    public static PlotModel Draw(Chart chart, ScenarioResults results)
    {
        var cells = new Cells(results);
        string[] systems = [.. Systems(chart, results).Reverse()];
        PlotModel plot = Palette.NewPlot(chart, left: 200);
        var names = new CategoryAxis { Position = AxisPosition.Left, GapWidth = 0.4 };
        names.Labels.AddRange(systems);
        plot.Axes.Add(names);
        Axis values = Palette.ValueAxis(chart, AxisPosition.Bottom, Least(chart, cells, systems));
        // Room for the figure at the end of the longest bar; a linear axis has it from its padding.
        if (chart.Logarithmic && systems.Length > 0)
            values.Maximum = 4 * systems.Max(system => chart.Measures.Max(measure => Value(cells, system, measure)));
        plot.Axes.Add(values);

        // From bottom to top, as the systems are.
        foreach (string measure in chart.Measures.Reverse())
        {
            var bars = new BarSeries
            {
                Title = measure,
                FillColor = Palette.Shade(chart.Measures.ToList().IndexOf(measure)),
                BaseValue = Least(chart, cells, systems),
                LabelFormatString = "{0:#,0.##}",
                LabelMargin = 6,
                FontSize = Palette.Small,
            };
            for (int n = 0; n < systems.Length; n++)
                bars.Items.Add(new BarItem(Round(Value(cells, systems[n], measure)), n));
            plot.Series.Add(bars);
        }
        plot.IsLegendVisible = chart.Measures.Count > 1;
        return plot;
    }

    /// <summary>Those that have a value; what is missing, the table says.</summary>
    public static IReadOnlyList<string> Systems(Chart chart, ScenarioResults results)
    {
        var cells = new Cells(results);
        return [.. cells.Systems.Where(system => chart.Measures.Any(measure => cells.Of(system, Column.Of(measure)).Count > 0))];
    }

    static double Value(Cells cells, string system, string measure) => Statistics.Median(cells.Of(system, Column.Of(measure)));

    static double Round(double value) => value >= 100 ? Math.Round(value) : value;

    /// <summary>A logarithmic axis has no zero to begin with.</summary>
    static double Least(Chart chart, Cells cells, string[] systems)
    {
        if (!chart.Logarithmic)
            return 0;
        double[] values = [.. systems.SelectMany(s => chart.Measures.Select(m => Value(cells, s, m))).Where(v => v > 0)];
        return values.Length == 0 ? 1 : Math.Pow(10, Math.Floor(Math.Log10(values.Min())));
    }
}
