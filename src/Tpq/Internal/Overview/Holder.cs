namespace Tpq.Internal.Overview;

/// <summary>A session that has a queue's messages in hand, or sleeps until one comes.</summary>
/// <param name="Process">The number of the server's process; null for a prepared transaction.</param>
/// <param name="Application">The application name, or the name of the prepared transaction; empty where there is none.</param>
/// <param name="Host">The client's address; null for a local socket, and where the role may not see it.</param>
/// <param name="User">The role.</param>
/// <param name="State">What <c>pg_stat_activity</c> calls it; null where the role may not see it.</param>
/// <param name="Since">When its transaction began; null where the role may not see it, and for who sleeps.</param>
/// <param name="IsAsleep">Whether it waits for a message at the queue's door.</param>
sealed record Holder(int? Process, string Application, string? Host, string? User, string? State, DateTimeOffset? Since, bool IsAsleep);
