namespace Tpq.Internal.Overview;

/// <summary>The statements that show messages. None locks a row. $1 says which, and is never without an index; $2 how many, $3 how many characters of each.</summary>
static class MessageSql
{
    static readonly string Shown = $"id, left(data::text, $3), octet_length(data::text)::bigint, {Sql.Readable("enqueued_at")}, attempts, CASE WHEN octet_length(headers::text) <= 65536 THEN headers::text END";

    /// <summary>In case a queue has a great many dead rows.</summary>
    public const string Timeout = "SELECT pg_catalog.set_config('statement_timeout', '5s', true)";

    /// <summary>What is in line behind the id $1. Index: the primary key.</summary>
    public static string Ready(QueueStatistics queue) => Ready(queue, "id > $1");

    /// <summary>What is not in line, from the time $1 on. Index: due_at.</summary>
    public static string NotReady(QueueStatistics queue) => NotReady(queue, "due_at >= $1", "due_at");

    /// <summary>The message $1, wherever it is. Index: the primary keys.</summary>
    public static string One(QueueStatistics queue) => queue.HasLater
        ? $"({Ready(queue, "id = $1")}) UNION ALL ({NotReady(queue, "id = $1", "id")})"
        : Ready(queue, "id = $1");

    static string Ready(QueueStatistics queue, string which) =>
        $"""
        SELECT {Shown}, {Sql.IsTaken}, NULL::timestamptz
        FROM ({Sql.WithTaker($"SELECT id, data, {Column(queue, "enqueued_at", "timestamptz")}, {Column(queue, "attempts", "int")}, {Column(queue, "headers", "json")}, xmax::text::bigint AS xid FROM {queue.Name.Table} WHERE {which} ORDER BY id LIMIT $2")}) q
        ORDER BY id
        """;

    static string NotReady(QueueStatistics queue, string which, string order) =>
        $"""
        SELECT {Shown}, lease IS NOT NULL, {Sql.Readable("due_at")}
        FROM (SELECT * FROM {queue.Name.Later} WHERE {which} AND id <> {Later.PauseId} ORDER BY {order} LIMIT $2) q
        ORDER BY {order}
        """;

    static string Column(QueueStatistics queue, string name, string type) => queue.Columns.Contains(name) ? name : $"NULL::{type} AS {name}";
}
