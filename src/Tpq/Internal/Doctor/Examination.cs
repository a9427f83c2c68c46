namespace Tpq.Internal;

/// <summary>Looks at the server or the database: one statement, and what makes a finding of one of its rows.</summary>
/// <param name="Subject">What is looked at, as in "Could not look at {Subject}".</param>
/// <param name="Sql">Reads catalogs and statistics. Locks nothing; a few rows.</param>
/// <param name="Find">Null where the row is healthy.</param>
sealed record Examination(string Subject, string Sql, Func<Row, Scope, Finding?> Find);

/// <summary>The same for all queues at once: its statement reads from <see cref="Queues"/> and has the column <c>number</c>, the queue's.</summary>
/// <param name="Subject">As above.</param>
/// <param name="Sql">As above.</param>
/// <param name="Find">As above.</param>
sealed record QueueExamination(string Subject, string Sql, Func<Row, ExaminedQueue, Scope, Finding?> Find)
{
    /// <summary>The queues, by their places in the list, with the oids of their two tables, 0 for one that is missing.</summary>
    public const string Queues = "unnest($1::bigint[], $2::oid[], $3::oid[]) AS q(number, oid, later)";

    /// <summary>Their tables, both of each, as <c>c</c>; <see cref="Table"/> is the name.</summary>
    public const string Tables =
        $"""
        {Queues} CROSS JOIN LATERAL (VALUES (q.oid), (q.later)) v(oid)
        JOIN pg_catalog.pg_class c ON c.oid = v.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        """;

    public const string Table = "pg_catalog.format('%I.%I', n.nspname, c.relname)";
}
