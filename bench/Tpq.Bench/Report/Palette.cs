using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;

namespace Tpq.Bench.Report;

/// <summary>The common look of the charts; readable on a white page and for those who do not tell red from green.</summary>
static class Palette
{
    public const double Small = 11;

    /// <summary>The exporter takes text for shorter than the viewer draws it.</summary>
    const double RoomForText = 40;

    public static readonly OxyColor Grid = OxyColor.FromRgb(0xDD, 0xDD, 0xDD);

    static readonly OxyColor[] Colors =
        [.. new uint[] { 0x777777, 0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00, 0x56B4E9, 0x8B5E3C, 0x000000 }.Select(rgb => OxyColor.FromUInt32(0xFF000000 | rgb))];

    static readonly OxyColor[] Shades = [.. new uint[] { 0x0072B2, 0x56B4E9, 0xE69F00, 0x999999 }.Select(rgb => OxyColor.FromUInt32(0xFF000000 | rgb))];

    public static OxyColor Color(int number) => Colors[number % Colors.Length];

    public static OxyColor Shade(int number) => Shades[number % Shades.Length];

    /// <param name="chart">Whose title it gets.</param>
    /// <param name="left">Room for the labels of the axis.</param>
    public static PlotModel NewPlot(Chart chart, double left)
    {
        var plot = new PlotModel
        {
            Title = chart.Title,
            TitleFontSize = 15,
            DefaultFont = "Arial",
            Background = OxyColors.White,
            PlotAreaBorderColor = Grid,
            Padding = new OxyThickness(10, 16, 10, 10),
            PlotMargins = new OxyThickness(left, double.NaN, double.NaN, double.NaN),
        };
        plot.Legends.Add(new Legend
        {
            LegendPlacement = LegendPlacement.Outside,
            LegendPosition = LegendPosition.RightTop,
            LegendPadding = RoomForText,
            LegendLineSpacing = 6,
            LegendItemOrder = chart.OverTime ? LegendItemOrder.Normal : LegendItemOrder.Reverse,
        });
        return plot;
    }

    public static Axis ValueAxis(Chart chart, AxisPosition position, double least)
    {
        Axis axis = chart.Logarithmic ? new LogarithmicAxis { UseSuperExponentialFormat = false } : new LinearAxis { StringFormat = "#,0.##", MaximumPadding = 0.15 };
        axis.Position = position;
        axis.Title = chart.Axis;
        axis.AxisTitleDistance = 14;
        axis.Minimum = least;
        axis.MajorGridlineStyle = LineStyle.Dot;
        axis.MajorGridlineColor = Grid;
        return axis;
    }
}
