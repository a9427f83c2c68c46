using System.Globalization;

namespace Tpq.Internal.Overview;

/// <summary>The statements of the overview. None locks a row, and none reads more rows than it says.</summary>
static class OverviewSql
{
    /// <summary>So many rows are counted; of more, the statistics tell how many.</summary>
    public const int MostCounted = 1000;

    /// <summary>To walk so many dead rows takes some milliseconds.</summary>
    public const int MostDead = 10_000;

    /// <summary>For the next statements of the batch and its transaction: should the statistics mislead, a look gives up.</summary>
    public const string Timeout = "SELECT pg_catalog.set_config('statement_timeout', '250ms', true)";

    public static readonly string Limit = (MostCounted + 1).ToString(CultureInfo.InvariantCulture);

    const string Database = "(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())";

    /// <summary>Behind which id the living rows of a table are supposed to begin, see <see cref="Statistics"/>; null for the front. All three are expressions.</summary>
    public static string After(string table, string live, string dead) =>
        $"""
        CASE WHEN {dead} > {MostDead} THEN (
                   SELECT CASE WHEN pg_catalog.has_sequence_privilege(s.oid, 'SELECT,USAGE') THEN pg_catalog.pg_sequence_last_value(s.oid) - {live} - {MostDead} END
                   FROM (SELECT pg_catalog.pg_get_serial_sequence({table}, 'id')::regclass AS oid) s) END
        """;

    /// <summary>
    /// All queues with their statistics: $1 to $3 as for <see cref="CatalogSql.IsListed"/>. Reads the catalog, and the table of locks once.
    /// </summary>
    /// <remarks>
    /// <para>Who takes locks rows, with FOR UPDATE, and so has the table in ROW SHARE until its transaction ends; who puts does not. A sleeping consumer
    /// holds the election, see <see cref="Doorbell"/>.</para>
    /// <para>Ids are given out in order and mostly taken in order. So where the statistics know of a great many dead rows, the living ones are behind the
    /// last id, less as many as there are of them, less some more; only stragglers are before that.</para>
    /// </remarks>
    public static readonly string Statistics =
        $"""
        WITH locks AS MATERIALIZED (
            SELECT relation, objid, virtualtransaction FROM pg_catalog.pg_locks
            WHERE granted AND database = {Database} AND (locktype = 'relation' AND mode = 'RowShareLock'
              OR locktype = 'advisory' AND classid = {Doorbell.ElectionLocks} AND objsubid = 2)),
        holders AS MATERIALIZED (SELECT relation, count(DISTINCT virtualtransaction)::int AS number FROM locks WHERE relation IS NOT NULL GROUP BY relation),
        queues AS MATERIALIZED (
            SELECT c.oid, c.relname, n.nspname, c.reltuples, l.oid AS later, {CatalogSql.Columns} AS columns,
                   pg_catalog.pg_stat_get_live_tuples(c.oid) AS live, pg_catalog.pg_stat_get_dead_tuples(c.oid) AS dead,
                   pg_catalog.pg_stat_get_tuples_inserted(c.oid) AS puts, pg_catalog.pg_stat_get_tuples_deleted(c.oid) AS takes
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_catalog.pg_class l ON l.relnamespace = c.relnamespace AND l.relname = c.relname || $3 AND l.relkind = 'r'
              AND (SELECT count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid = l.oid AND a.attname IN ('due_at', 'lease') AND NOT a.attisdropped) = 2
              AND pg_catalog.has_table_privilege(l.oid, 'SELECT')
            WHERE {CatalogSql.IsListed})
        SELECT substr(q.relname, char_length($1) + 1), q.nspname::text,
               q.columns, q.later IS NOT NULL,
               CASE WHEN q.live = 0 AND q.dead = 0 AND q.puts = 0 THEN greatest(q.reltuples, 0)::bigint ELSE q.live END,
               {After("format('%I.%I', q.nspname, q.relname)", "q.live", "q.dead")},
               coalesce(pg_catalog.pg_stat_get_live_tuples(q.later), 0), coalesce(pg_catalog.pg_stat_get_dead_tuples(q.later) > {MostDead}, false),
               q.puts, q.takes,
               coalesce(pg_catalog.pg_stat_get_tuples_inserted(q.later) + pg_catalog.pg_stat_get_tuples_updated(q.later) + pg_catalog.pg_stat_get_tuples_deleted(q.later), 0),
               coalesce(h.number, 0), EXISTS (SELECT FROM locks WHERE objid = q.oid), pg_catalog.clock_timestamp()
        FROM queues q LEFT JOIN holders h ON h.relation = q.oid
        ORDER BY q.relname COLLATE "C"
        """;

    /// <summary>
    /// One queue, at most <see cref="MostCounted"/> and one rows of each table, behind the id $1 and, in the companion, from the time $2 on. Index: the
    /// primary key, and due_at.
    /// </summary>
    public static string Look(QueueStatistics queue) =>
        $"""
        SELECT r.*, l.* FROM (
            SELECT count(*), count(*) FILTER (WHERE {Sql.IsTaken}), min(q.enqueued_at) FROM (
                {Rows(queue)}) q) r,
            ({(queue.HasLater ? LookLater(queue.Name) : "SELECT 0::bigint, 0::bigint, false WHERE $2 IS NOT NULL")}) l
        """;

    /// <summary>
    /// Who has messages of the table $1 in hand, or sleeps at its door, the longest first. A prepared transaction has no process. Reads the table of locks and the
    /// activity.
    /// </summary>
    public static readonly string Holders =
        $"""
        SELECT h.pid, coalesce(a.application_name, p.gid, ''), coalesce(a.client_hostname, pg_catalog.host(a.client_addr)), coalesce(a.usename, p.owner)::text,
               a.state, CASE WHEN NOT h.is_asleep THEN coalesce(a.xact_start, p.prepared) END, h.is_asleep
        FROM (SELECT DISTINCT pid, virtualtransaction, locktype = 'advisory' AS is_asleep FROM pg_catalog.pg_locks
              WHERE granted AND database = {Database} AND (locktype = 'relation' AND mode = 'RowShareLock' AND relation = to_regclass($1)
                OR locktype = 'advisory' AND classid = {Doorbell.ElectionLocks} AND objsubid = 2 AND objid = to_regclass($1)::oid)) h
        LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = h.pid
        LEFT JOIN pg_catalog.pg_prepared_xacts p ON h.pid IS NULL AND EXISTS (
            SELECT FROM pg_catalog.pg_locks x
            WHERE x.locktype = 'transactionid' AND x.pid IS NULL AND x.virtualtransaction = h.virtualtransaction AND x.transactionid = p.transaction)
        ORDER BY h.is_asleep, 6, h.pid LIMIT {Limit}
        """;

    /// <summary>
    /// The messages in hand among the rows that <see cref="Look"/> reads: id, time of the put, the process where it is known, and the end of the lease. $1 and $2 as there. After a take behind a savepoint that was
    /// released the process is not known, see <see cref="Sql.Peek"/>.
    /// </summary>
    public static string Held(QueueStatistics queue) =>
        $"""
        SELECT q.id, q.enqueued_at, l.pid, NULL::timestamptz FROM ({Rows(queue, "id, ")}) q
        LEFT JOIN pg_catalog.pg_locks l ON l.locktype = 'transactionid' AND l.granted AND l.transactionid = q.xid::text::xid
        WHERE {Sql.IsTaken}
        UNION ALL
        {(queue.HasLater
            ? $"SELECT id, {Sql.Readable("enqueued_at")}, NULL, {Sql.Readable("due_at")} FROM (SELECT * FROM {queue.Name.Later} WHERE due_at >= $2 ORDER BY due_at LIMIT {Limit}) l WHERE lease IS NOT NULL"
            : "SELECT 0, NULL, NULL, NULL WHERE $2 IS NULL")}
        """;

    static string Rows(QueueStatistics queue, string columns = "") => Sql.WithTaker(
        $"""
        SELECT {columns}{EnqueuedAt(queue)}, xmax::text::bigint AS xid
        FROM {queue.Name.Table} WHERE id > $1 ORDER BY id LIMIT {Limit}
        """);

    public static string EnqueuedAt(QueueStatistics queue) => queue.HasEnqueuedAt ? $"{Sql.Readable("enqueued_at")} AS enqueued_at" : "NULL::timestamptz AS enqueued_at";

    static string LookLater(QueueName name) =>
        $"""
        SELECT count(*) FILTER (WHERE lease IS NULL), count(*) FILTER (WHERE lease IS NOT NULL), EXISTS (SELECT FROM {name.Later} WHERE id = {Later.PauseId})
        FROM (SELECT lease FROM {name.Later} WHERE due_at >= $2 AND id <> {Later.PauseId} ORDER BY due_at LIMIT {Limit}) l
        """;
}
