using System.Collections.Concurrent;

namespace Tpq.Internal;

/// <summary>What a client knows of one queue, shared by all <see cref="TpqQueue"/> of that name.</summary>
sealed class QueueState(QueueName name, TpqClient client)
{
    public QueueName Name { get; } = name;

    public Sql Sql { get; } = new(name);

    public Head Head { get; } = new(client.Time);

    public GroupCommit Puts { get; } = new(client);

    public Sleepers Sleepers { get; } = new();

    /// <summary>The puts that have once succeeded in a caller's transaction, see <see cref="CallersTransaction"/>. By their SQL; the value is of no meaning.</summary>
    public ConcurrentDictionary<string, bool> ProvenPuts { get; } = new(StringComparer.Ordinal);
}
