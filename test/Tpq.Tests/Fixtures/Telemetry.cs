using System.Diagnostics;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Tpq.Tests.Fixtures;

/// <summary>What an application exports that has added tpq's source and meter, and nothing else.</summary>
sealed class Telemetry : IDisposable
{
    readonly List<Activity> _spans = [];
    readonly List<Metric> _metrics = [];
    readonly TracerProvider _tracer;
    readonly MeterProvider _meter;

    public Telemetry()
    {
        _tracer = Sdk.CreateTracerProviderBuilder().AddSource(TpqDiagnostics.Name).AddSource(Application.Name).AddInMemoryExporter(_spans).Build();
        _meter = Sdk.CreateMeterProviderBuilder().AddMeter(TpqDiagnostics.Name).AddInMemoryExporter(_metrics).Build();
    }

    /// <summary>The application's own spans.</summary>
    public static ActivitySource Application { get; } = new("application");

    public IReadOnlyList<Activity> Spans
    {
        get
        {
            Assert.True(_tracer.ForceFlush());
            lock (_spans)
                return [.. _spans];
        }
    }

    public Activity Span(string name) => Assert.Single(Spans, s => s.DisplayName == name);

    /// <summary>The sum of a counter, or the count of a histogram, or a gauge, over all its points with this tag.</summary>
    public double Value(string metric, string tag = "messaging.destination.name", string value = "orders")
    {
        _metrics.Clear();
        Assert.True(_meter.ForceFlush());
        double sum = 0;
        foreach (Metric each in _metrics.Where(m => m.Name == metric))
        {
            foreach (ref readonly MetricPoint point in each.GetMetricPoints())
            {
                foreach (KeyValuePair<string, object?> pair in point.Tags)
                {
                    if (pair.Key == tag && Equals(pair.Value, value))
                        sum += ValueOf(each.MetricType, point);
                }
            }
        }
        return sum;
    }

    public void Dispose()
    {
        _tracer.Dispose();
        _meter.Dispose();
    }

    static double ValueOf(MetricType type, in MetricPoint point) => type switch
    {
        MetricType.Histogram => point.GetHistogramCount(),
        MetricType.LongSum or MetricType.LongSumNonMonotonic => point.GetSumLong(),
        MetricType.LongGauge => point.GetGaugeLastValueLong(),
        MetricType.DoubleGauge => point.GetGaugeLastValueDouble(),
        _ => throw new NotSupportedException($"{type}"),
    };
}
