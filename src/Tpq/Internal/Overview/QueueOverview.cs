namespace Tpq.Internal.Overview;

/// <summary>One queue at a moment.</summary>
/// <param name="Statistics">What the server's statistics say.</param>
/// <param name="Ready">The depth: how many messages are in line, those in hand included.</param>
/// <param name="InHand">How many of them a transaction has taken that is still open.</param>
/// <param name="Delayed">Messages for later, which includes those that are to be tried again; null where there is no companion that the role may read.</param>
/// <param name="Leased">Messages in hand by a lease; null as <paramref name="Delayed"/>.</param>
/// <param name="Oldest">When the oldest of the messages at the front was put; null for none, or where it is not known (yet).</param>
/// <param name="IsPaused">Whether consumers take nothing.</param>
sealed record QueueOverview(QueueStatistics Statistics, Tally Ready, Tally InHand, Tally? Delayed, Tally? Leased, DateTimeOffset? Oldest, bool IsPaused)
{
    /// <summary>The queue's name, without the table prefix.</summary>
    public string Name => Statistics.Name.Queue;

    /// <summary>How many transactions hold messages, or look for some.</summary>
    public int Holders => Statistics.Holders;

    /// <summary>Whether a consumer sleeps until a message comes.</summary>
    public bool IsAwaited => Statistics.IsAwaited;

    /// <summary>Counts upwards for each message that came in, from wherever; begins at 0 again when the server's statistics are reset.</summary>
    public long Puts => Statistics.Puts;

    /// <summary>The same for what was taken out, what was rolled back included.</summary>
    public long Takes => Statistics.Takes;
}
