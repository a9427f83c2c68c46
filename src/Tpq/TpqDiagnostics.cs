namespace Tpq;

/// <summary>What tpq tells OpenTelemetry: spans by an <see cref="System.Diagnostics.ActivitySource"/>, and a <see cref="System.Diagnostics.Metrics.Meter"/>.</summary>
public static class TpqDiagnostics
{
    /// <summary>The name of both, for <c>AddSource</c> and <c>AddMeter</c>: nothing else is to be registered.</summary>
    public const string Name = "Tpq";
}
