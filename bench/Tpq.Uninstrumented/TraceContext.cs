namespace Tpq.Internal.Telemetry;

/// <summary>In place of the trace that a message carries.</summary>
static class TraceContext
{
    public static CheckedPut Add(CheckedPut put, Operation? send) => put;
}
