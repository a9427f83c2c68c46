using System.Text.Json.Serialization;
using Tpq.Internal.Overview;

namespace Tpq.Internal;

/// <summary>A queue as the page gets it. Equal records are the same to the page.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Ready">The depth.</param>
/// <param name="InHand">How many are in hand, by a transaction or a lease.</param>
/// <param name="Later">How many are for later; null where that cannot be read.</param>
/// <param name="Dead">How many dead letters there are; null where there is no such queue.</param>
/// <param name="Estimates">Which of these are estimates, by their names' first letters.</param>
/// <param name="Oldest">When the oldest was put.</param>
/// <param name="In">Messages in, a second; null for none, and as long as it is not known.</param>
/// <param name="Out">Messages out, a second, in the same way.</param>
/// <param name="IsPaused">Whether it is paused.</param>
/// <param name="IsAwaited">Whether a consumer sleeps until a message comes.</param>
sealed record QueueJson(
    string Name, long Ready, long InHand, long? Later, long? Dead, string Estimates, DateTimeOffset? Oldest, double? In, double? Out,
    [property: JsonPropertyName("paused")] bool IsPaused, [property: JsonPropertyName("awaited")] bool IsAwaited)
{
    public static QueueJson Of(QueueOverview queue, DatabaseOverview overview, (double In, double Out)? rates)
    {
        Tally leased = queue.Leased ?? default;
        Tally? dead = overview.DeadOf(queue.Name);
        string estimates = string.Concat(
            queue.Ready.IsEstimate ? "r" : "", queue.InHand.IsEstimate || leased.IsEstimate ? "i" : "",
            queue.Delayed is { IsEstimate: true } ? "l" : "", dead is { IsEstimate: true } ? "d" : "");
        return new QueueJson(
            queue.Name, queue.Ready.Count, queue.InHand.Count + leased.Count, queue.Delayed?.Count, dead?.Count, estimates, queue.Oldest,
            Rounded(rates?.In), Rounded(rates?.Out), queue.IsPaused, queue.IsAwaited);
    }

    static double? Rounded(double? rate) => rate is > 0 and var r ? Math.Round(r, 2) : null;
}
