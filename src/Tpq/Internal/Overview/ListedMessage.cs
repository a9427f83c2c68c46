namespace Tpq.Internal.Overview;

/// <summary>A message that is shown to somebody.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Data">The beginning of the payload's text.</param>
/// <param name="Bytes">How many bytes the whole of it has.</param>
/// <param name="EnqueuedAt">When it was put; null where the table has no such column.</param>
/// <param name="Attempts">How many deliveries have failed.</param>
/// <param name="Headers">The headers' text; null for none, and for very large ones.</param>
/// <param name="IsInHand">Whether somebody has it, by a transaction or a lease.</param>
/// <param name="DueAt">When it becomes ready, or its lease ends; null for what is in line.</param>
sealed record ListedMessage(long Id, string Data, long Bytes, DateTimeOffset? EnqueuedAt, int Attempts, string? Headers, bool IsInHand, DateTimeOffset? DueAt);
