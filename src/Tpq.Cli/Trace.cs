using System.Diagnostics;
using Tpq.Internal.Telemetry;

namespace Tpq.Cli;

/// <summary>The trace that a script is part of, which it has in its environment: a message that it puts carries it, and whoever handles the message has it again.</summary>
/// <remarks>Source of the variables: OpenTelemetry, Environment Variables as Context Propagation Carriers.</remarks>
static class Trace
{
    const string ParentVariable = "TRACEPARENT", StateVariable = "TRACESTATE";

    /// <summary>No more of a state is passed on: the system starts no command with a long variable. W3C asks for 512 characters.</summary>
    const int LongestState = 4096;

    /// <summary>Headers for what is put; null where there is no trace, or the queue's messages have no headers.</summary>
    public static async Task<IReadOnlyDictionary<string, string>?> HeadersAsync(TpqQueue queue, CancellationToken cancellationToken)
    {
        string? parent = Environment.GetEnvironmentVariable(ParentVariable), state = Environment.GetEnvironmentVariable(StateVariable);
        if (!ActivityContext.TryParse(parent, state, out _) || !await queue.State.Carrier.CanCarryAsync(queue.Client, cancellationToken))
            return null;
        var headers = new Dictionary<string, string> { [TraceContext.TraceParent] = parent! };
        if (state is { Length: > 0 })
            headers[TraceContext.TraceState] = state;
        return headers;
    }

    /// <summary>For the command that handles a message: its trace, and not the one in which the consumer was started.</summary>
    public static void Pass(TpqMessage message, IDictionary<string, string?> environment)
    {
        environment.Remove(ParentVariable);
        environment.Remove(StateVariable);
        if (TraceContext.Of(message) == default)
            return;
        environment[ParentVariable] = message.Headers[TraceContext.TraceParent];
        if (message.Headers.TryGetValue(TraceContext.TraceState, out string? state) && state.Length <= LongestState)
            environment[StateVariable] = state;
    }
}
