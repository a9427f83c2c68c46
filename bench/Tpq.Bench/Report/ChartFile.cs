using OxyPlot;

namespace Tpq.Bench.Report;

/// <summary>A chart as an SVG file.</summary>
static class ChartFile
{
    public const string Folder = "benchmarks";

    const double Width = 800;
    const double HeightOverTime = 420;
    const double HeightOfBar = 20;
    const double HeightOfFrame = 130;

    public static async Task WriteAsync(string folder, Chart chart, ScenarioResults results, CancellationToken cancellationToken)
    {
        PlotModel plot = chart.OverTime ? TimeChart.Draw(chart, results) : BarChart.Draw(chart, results);
        double height = chart.OverTime ? HeightOverTime
            : HeightOfFrame + HeightOfBar * (plot.Series.Count + 1) * BarChart.Systems(chart, results).Count;
        // Not every viewer knows the alignment that it writes otherwise.
        var exporter = new SvgExporter { Width = Width, Height = height, UseVerticalTextAlignmentWorkaround = true };
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, chart.Name + ".svg"), exporter.ExportToString(plot).ReplaceLineEndings("\n"), cancellationToken);
    }
}
