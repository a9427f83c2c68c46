using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Series;

namespace Tpq.Bench.Report;

/// <summary>Lines over time: for each system, second by second, the median of the rounds.</summary>
static class TimeChart
{
    public static PlotModel Draw(Chart chart, ScenarioResults results)
    {
        PlotModel plot = Palette.NewPlot(chart, left: 80);
        plot.Axes.Add(new LinearAxis { Position = AxisPosition.Bottom, Title = "seconds", MajorGridlineStyle = LineStyle.Dot, MajorGridlineColor = Palette.Grid });
        plot.Axes.Add(Palette.ValueAxis(chart, AxisPosition.Left, chart.Logarithmic ? double.NaN : 0));
        string[] systems = [.. new Cells(results).Systems];
        for (int n = 0; n < systems.Length; n++)
        {
            var line = new LineSeries { Title = systems[n], Color = Palette.Color(n), StrokeThickness = 2 };
            foreach (DataPoint point in Points(results, systems[n], chart.Measures[0]).Where(point => !chart.Logarithmic || point.Y > 0))
                line.Points.Add(point);
            if (line.Points.Count > 0)
                plot.Series.Add(line);
        }
        return plot;
    }

    static IEnumerable<DataPoint> Points(ScenarioResults results, string system, string measure)
    {
        IReadOnlyList<double>[] rounds =
            [.. results.Figures.Where(f => f.System == system && f.Measure == measure && f.Series is not null).Select(f => f.Series!)];
        for (int second = 0; second < (rounds.Length == 0 ? 0 : rounds.Max(r => r.Count)); second++)
            yield return new DataPoint(second, Statistics.Median([.. rounds.Where(r => r.Count > second).Select(r => r[second])]));
    }
}
