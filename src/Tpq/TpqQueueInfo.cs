namespace Tpq;

/// <summary>One queue of a database, as <see cref="TpqClient.ListAsync"/> found it.</summary>
/// <param name="Name">The queue's name, without the table prefix.</param>
/// <param name="Count">How many messages are ready, those included that a consumer has in hand at the moment.</param>
/// <param name="Oldest">
/// When the first message in line was put, by the server's clock; <see langword="null"/> when the queue is empty, or when its table has
/// no such column (a queue made by the Python tpq, until <see cref="TpqQueue.UpgradeAsync"/>).
/// </param>
public sealed record TpqQueueInfo(string Name, long Count, DateTimeOffset? Oldest);
