using System.Buffers;
using System.Diagnostics;
using System.Text.Json;

namespace Tpq.Internal.Telemetry;

/// <summary>The trace in which a message was put, in its headers: W3C's <c>traceparent</c> and <c>tracestate</c>.</summary>
static class TraceContext
{
    public const string TraceParent = "traceparent", TraceState = "tracestate";

    /// <summary>Default where the message has none, or none that can be read.</summary>
    public static ActivityContext Of(TpqMessage message) =>
        message.Headers.TryGetValue(TraceParent, out string? parent)
        && ActivityContext.TryParse(parent, message.Headers.GetValueOrDefault(TraceState), isRemote: true, out ActivityContext context) ? context : default;

    /// <summary>The message with the trace of what puts it. One that has a trace already keeps it.</summary>
    public static CheckedPut Add(CheckedPut put, Operation send)
    {
        if (send.TraceParent is not { } parent || (put.Headers is { } given && HeadersJson.Read(given).ContainsKey(TraceParent)))
            return put;
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            HeadersJson.CopyTo(writer, put.Headers?.ToArray(), except: [TraceState]);
            writer.WriteString(TraceParent, parent);
            if (send.TraceState is { Length: > 0 } state)
                writer.WriteString(TraceState, state);
            writer.WriteEndObject();
        }
        return put with { Headers = buffer.WrittenMemory };
    }
}
