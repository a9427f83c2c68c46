namespace Tpq.Internal;

/// <summary>What an open page is told.</summary>
/// <param name="At">The moment, by the server's clock; null where the database was never reached.</param>
/// <param name="Queues">All queues, or those that have changed.</param>
/// <param name="Gone">Queues that are there no more.</param>
/// <param name="Trouble">Why the queues are as they were; null where they are as they are.</param>
sealed record LiveJson(DateTimeOffset? At, IReadOnlyList<QueueJson> Queues, IReadOnlyList<string> Gone, string? Trouble)
{
    /// <summary>At first only.</summary>
    public SettingsJson? Settings { get; init; }

    /// <summary>By queue, at first only.</summary>
    public IReadOnlyDictionary<string, ChartJson>? History { get; init; }
}

/// <summary>What the page needs to know of the dashboard.</summary>
sealed record SettingsJson(string? Database, bool AllowsWrites, int IntervalMilliseconds, int WindowSeconds);
