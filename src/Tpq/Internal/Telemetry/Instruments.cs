using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Tpq.Internal.Telemetry;

/// <summary>The source of spans and the meter. Names and units: OpenTelemetry's semantic conventions for messaging, v1.44.0, of which all are still in development.</summary>
static class Instruments
{
    static readonly string Version = typeof(Instruments).Assembly.GetName().Version!.ToString(3);

    public static readonly ActivitySource Source = new(TpqDiagnostics.Name, Version);

    public static readonly Meter Meter = new(TpqDiagnostics.Name, Version);

    /// <summary>Seconds, as the conventions advise for the durations of messaging.</summary>
    static readonly InstrumentAdvice<double> Seconds = new() { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] };

    public static readonly Histogram<double> OperationDuration = Meter.CreateHistogram(
        "messaging.client.operation.duration", "s", "How long putting, getting, leasing and settling took.", tags: null, Seconds);

    public static readonly Histogram<double> ProcessDuration = Meter.CreateHistogram(
        "messaging.process.duration", "s", "How long a handler took for a message or a batch, its commit included.", tags: null, Seconds);

    public static readonly Counter<long> Sent = Meter.CreateCounter<long>(
        "messaging.client.sent.messages", "{message}", "How many messages were put, or could not be.");

    public static readonly Counter<long> Consumed = Meter.CreateCounter<long>(
        "messaging.client.consumed.messages", "{message}", "How many messages were delivered to the application.");

    public static readonly Counter<long> Retries = Meter.CreateCounter<long>(
        "tpq.message.retries", "{message}", "How many messages were kept for another delivery after a failure.");

    public static readonly Counter<long> DeadLetters = Meter.CreateCounter<long>(
        "tpq.message.dead_letters", "{message}", "How many messages were moved to a dead letter queue.");

    public static readonly Counter<long> WakeUps = Meter.CreateCounter<long>(
        "tpq.wakeups", "{wakeup}", "How often a waiting consumer was woken.");

    public static readonly Histogram<double> SweepDuration = Meter.CreateHistogram(
        "tpq.sweep.duration", "s", "How long looks at a queue from its front took.", tags: null, Seconds);

    /// <summary>Whether anybody listens to what is done, so that it is worth while to note it.</summary>
    public static bool AreHeard =>
        Source.HasListeners() || OperationDuration.Enabled || ProcessDuration.Enabled || Sent.Enabled || Consumed.Enabled || Retries.Enabled || DeadLetters.Enabled;
}
