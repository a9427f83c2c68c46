namespace Tpq;

/// <summary>There is no such queue in the database: its table does not exist in the schema that the client looks at.</summary>
public sealed class TpqQueueNotFoundException : TpqException
{
    internal TpqQueueNotFoundException(string queue, string? database, Exception? innerException = null)
        : base($"There is no queue \"{queue}\" in database \"{database}\". CreateAsync (or: tpq create {queue}) makes it.", innerException)
    {
        Queue = queue;
        Database = database;
    }

    /// <summary>The name of the queue that is missing, without the table prefix.</summary>
    public string Queue { get; }

    /// <summary>The database in which it was looked for.</summary>
    public string? Database { get; }
}
