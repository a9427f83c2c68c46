using System.Collections.Frozen;

namespace Tpq.Internal.Overview;

/// <summary>All queues of a client's at a moment, in the order of their names.</summary>
/// <param name="At">The moment, by the server's clock.</param>
/// <param name="Queues">What the role may read.</param>
sealed record DatabaseOverview(DateTimeOffset At, IReadOnlyList<QueueOverview> Queues)
{
    readonly FrozenDictionary<string, QueueOverview> _byName = Queues.ToFrozenDictionary(static q => q.Name, StringComparer.Ordinal);

    public QueueOverview? Find(string queue) => _byName.GetValueOrDefault(queue);

    /// <summary>How many dead letters the queue has: the depth of the queue beside it. Null where there is none, as beside a dead letter queue itself.</summary>
    public Tally? DeadOf(string queue) => Find(queue + DeadLetters.Suffix)?.Ready;
}
