namespace Tpq.Internal;

/// <summary>What a client knows of one queue, shared by all <see cref="TpqQueue"/> of that name.</summary>
sealed class QueueState(QueueName name)
{
    public QueueName Name { get; } = name;

    public Sql Sql { get; } = new(name);

    /// <summary>
    /// Whether a statement of this client on this queue has once succeeded in a caller's transaction. Until then each is guarded by a
    /// savepoint, see <see cref="CallersTransaction"/>.
    /// </summary>
    public bool ProvenInCallersTransaction { get; set; }
}
