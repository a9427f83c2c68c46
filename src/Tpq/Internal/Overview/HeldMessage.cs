namespace Tpq.Internal.Overview;

/// <summary>A message in hand.</summary>
/// <param name="Id">Its id.</param>
/// <param name="EnqueuedAt">When it was put; null where the table has no such column.</param>
/// <param name="Process">The server's process whose transaction holds it; null where that is not known, and for leases.</param>
/// <param name="LeasedUntil">When its lease ends unless it is renewed; null for one that a transaction holds.</param>
sealed record HeldMessage(long Id, DateTimeOffset? EnqueuedAt, int? Process, DateTimeOffset? LeasedUntil);
