namespace Tpq.Internal;

/// <summary>A queue that is examined, as the catalog has it.</summary>
/// <param name="Name">Its name, in the schema in which it was found.</param>
/// <param name="Oid">Its table.</param>
/// <param name="LaterOid">What has the name of its companion; 0 for nothing.</param>
/// <param name="Schema">Where it was found.</param>
/// <param name="Columns">Those of its table.</param>
/// <param name="Storage">The settings of its table.</param>
/// <param name="LaterColumns">Those of what has the companion's name.</param>
/// <param name="IsReadable">Whether the role may read its messages, those in the companion included.</param>
/// <param name="Sequence">The sequence of its ids, quoted and qualified; empty where there is none that the role may read.</param>
sealed record ExaminedQueue(
    QueueName Name, long Oid, long LaterOid, string Schema, IReadOnlySet<string> Columns, string Storage, IReadOnlySet<string> LaterColumns, bool IsReadable,
    string Sequence)
{
    public string Queue => Name.Queue;

    /// <summary>Whether what has the companion's name is the companion, by <see cref="Catalog"/>'s measure.</summary>
    public bool HasLater => LaterColumns.Contains("due_at") && LaterColumns.Contains("lease");

    /// <summary>Whether it has all of its columns.</summary>
    public bool IsLaterWhole => HasLater && QueueTables.LaterColumns.Keys.All(LaterColumns.Contains);

    public bool IsDead => Queue.EndsWith(DeadLetters.Suffix, StringComparison.Ordinal);
}
