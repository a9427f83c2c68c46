using System.Text.Json;
using Tpq.Internal.Overview;

namespace Tpq.Cli;

/// <summary>An overview of queues as JSON.</summary>
static class OverviewJson
{
    /// <summary>The members of one queue, into an object that has been begun.</summary>
    public static void WriteMembers(Utf8JsonWriter json, QueueOverview queue, DatabaseOverview overview)
    {
        json.WriteString("queue", queue.Name);
        WriteTally(json, "ready", queue.Ready);
        WriteTally(json, "in_hand", queue.InHand);
        WriteTally(json, "later", queue.Delayed);
        WriteTally(json, "leased", queue.Leased);
        WriteTally(json, "dead", overview.DeadOf(queue.Name));
        MessageWriter.WriteTime(json, "oldest", queue.Oldest);
        json.WriteBoolean("paused", queue.IsPaused);
        json.WriteBoolean("awaited", queue.IsAwaited);
        json.WriteNumber("holders", queue.Holders);
    }

    /// <summary>A number, and beside it, where it is one, that it is an estimate.</summary>
    static void WriteTally(Utf8JsonWriter json, string name, Tally? tally)
    {
        if (tally is not { } known)
        {
            json.WriteNull(name);
            return;
        }
        json.WriteNumber(name, known.Count);
        if (known.IsEstimate)
            json.WriteBoolean($"{name}_is_estimate", true);
    }
}
