namespace Tpq.Internal;

/// <summary>The statements that read PostgreSQL's catalog. They lock nothing but the catalog's rows, in ACCESS SHARE.</summary>
static class CatalogSql
{
    /// <summary>
    /// What makes a table a queue: its primary key is a bigint called id alone, it has data of type json, and nothing that no version of tpq
    /// knows. No version has made a partitioned table. Used with <c>c</c> as the row of pg_class.
    /// </summary>
    public const string IsQueue =
        """
        c.relkind = 'r'
        AND EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                    WHERE i.indrelid = c.oid AND i.indisprimary AND i.indnkeyatts = 1
                      AND a.attname = 'id' AND a.atttypid = 'pg_catalog.int8'::regtype)
        AND EXISTS (SELECT FROM pg_catalog.pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attname = 'data' AND a.atttypid = 'pg_catalog.json'::regtype AND NOT a.attisdropped)
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
                        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                          AND a.attname NOT IN ('id', 'data', 'enqueued_at', 'attempts', 'headers'))
        """;

    /// <summary>The names of all columns of the table whose row of pg_class is <c>c</c>.</summary>
    public const string Columns =
        "ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)";

    /// <summary>
    /// $1 the queue's table and $2 the ring function, quoted and qualified; $3 the companion's name, looked for beside the table or, where there
    /// is none, in schema $4 or the one in which it would be made.
    /// </summary>
    public const string State =
        $"""
        SELECT t.oid IS NOT NULL AS is_table, c.oid IS NOT NULL AND {IsQueue} AS is_queue,
               array_to_string({Columns}, ',') AS columns,
               coalesce(array_to_string(c.reloptions, ','), '') AS storage,
               l.oid IS NOT NULL AS has_later_name,
               EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = l.oid AND a.attname = 'due_at' AND NOT a.attisdropped)
                 AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = l.oid AND a.attname = 'lease' AND NOT a.attisdropped) AS has_later,
               to_regprocedure($2 || '()') IS NOT NULL AS has_ring,
               coalesce(n.nspname::text, $4, pg_catalog.current_schema()::text, '') AS schema
        FROM (SELECT to_regclass($1) AS oid) t
        LEFT JOIN pg_catalog.pg_class c ON c.oid = t.oid
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_class l ON l.relname = $3 AND l.relnamespace =
          (SELECT m.oid FROM pg_catalog.pg_namespace m WHERE m.nspname = coalesce(n.nspname::text, $4, pg_catalog.current_schema()::text))
        """;

    /// <summary>
    /// Whether a table has a name and a place as a queue of the client's: $1 the table prefix, $2 the schema or null for what the search path shows, $3 the
    /// suffix of companion tables, for which a queue's name must leave room. Used with <c>c</c> as the row of pg_class and <c>n</c> as that of its schema.
    /// </summary>
    public const string IsNamedAsQueue =
        """
        starts_with(c.relname, $1) AND char_length(c.relname) > char_length($1)
          AND right(c.relname, char_length($3)) <> $3 AND octet_length(convert_to(c.relname, 'UTF8')) + octet_length($3) <= 63
          AND CASE WHEN $2::text IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = $2 END
          AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        """;

    /// <summary>Whether it is such a queue, and the role may read it. Parameters as in <see cref="IsNamedAsQueue"/>.</summary>
    public const string IsListed =
        $"""
        {IsNamedAsQueue}
          AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
          AND {IsQueue}
        """;

    /// <summary>$1 to $3 as for <see cref="IsListed"/>.</summary>
    public const string Queues =
        $"""
        SELECT substr(c.relname, char_length($1) + 1) AS queue, 'enqueued_at' = ANY ({Columns}) AS has_enqueued_at
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE {IsListed}
        ORDER BY c.relname COLLATE "C"
        """;

    /// <summary>The sequence of a queue's ids: <c>k</c> is its row of pg_class, <c>m</c> that of its schema.</summary>
    public const string OwnedSequence =
        """
        pg_catalog.pg_depend d JOIN pg_catalog.pg_class k ON k.oid = d.objid AND k.relkind = 'S' JOIN pg_catalog.pg_namespace m ON m.oid = k.relnamespace
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid AND d.deptype IN ('a', 'i')
        """;

    /// <summary>All of them, readable or not, with what the doctor looks at. Parameters as in <see cref="IsNamedAsQueue"/>.</summary>
    public const string Examined =
        $"""
        SELECT substr(c.relname, char_length($1) + 1) AS queue, n.nspname::text AS schema, c.oid::bigint AS oid, coalesce(l.oid, 0)::bigint AS later,
               array_to_string({Columns}, ',') AS columns, coalesce(array_to_string(c.reloptions, ','), '') AS storage,
               array_to_string(ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = l.oid AND a.attnum > 0 AND NOT a.attisdropped), ',') AS later_columns,
               pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
                 AND coalesce(pg_catalog.has_table_privilege(l.oid, 'SELECT'), true) AS is_readable,
               (SELECT pg_catalog.format('%I.%I', m.nspname, k.relname) FROM {OwnedSequence}
                AND pg_catalog.has_schema_privilege(m.oid, 'USAGE')
                  AND CASE WHEN k.relkind = 'S' THEN pg_catalog.has_sequence_privilege(k.oid, 'SELECT') END LIMIT 1) AS sequence
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_class l ON l.relnamespace = c.relnamespace AND l.relname = c.relname || $3
        WHERE {IsNamedAsQueue} AND {IsQueue}
        ORDER BY c.relname COLLATE "C"
        """;

    /// <summary>
    /// The oid of table $1, the channel that a put into it rings, and when: what our trigger was given when the queue was created, else (a queue of
    /// the Python tpq's) the queue's name, $2, and always where it has its trigger. The arguments of a trigger are stored as one string, each
    /// ended by a zero byte.
    /// </summary>
    public static readonly string Bell = BellOf("$1", "$2");

    /// <summary>As <see cref="Bell"/>, of a table and a queue that are given as literals, for use within another statement.</summary>
    public static string BellOf(string table, string queue) =>
        $"""
        SELECT t.oid, coalesce(o.channel, {queue}) AS channel,
               CASE WHEN o.channel IS NOT NULL THEN o.notify
                    WHEN EXISTS (SELECT FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
                                 WHERE g.tgrelid = t.oid AND g.tgenabled <> 'D' AND starts_with(p.proname, 'tpq_notify_')) THEN 'always'
                    ELSE 'never' END AS notify
        FROM (SELECT to_regclass({table})::oid AS oid) t
        LEFT JOIN LATERAL (
            SELECT convert_from(substring(g.tgargs FROM 1 FOR g.ending - 1), pg_catalog.getdatabaseencoding()) AS channel,
                   convert_from(rtrim(substring(g.tgargs FROM g.ending + 1), decode('00', 'hex')), pg_catalog.getdatabaseencoding()) AS notify
            FROM (SELECT tgargs, position(decode('00', 'hex') IN tgargs) AS ending FROM pg_catalog.pg_trigger
                  WHERE tgrelid = t.oid AND tgname = 'tpq_ring' AND tgnargs = 2 AND tgenabled <> 'D') g) o ON true
        """;

    /// <summary>
    /// Who keeps a lock on one of the tables $1 and $2, or the advisory lock $3, for the error that says why a change of the schema gave up.
    /// </summary>
    public const string Blockers =
        """
        SELECT l.pid, coalesce(a.application_name, ''), coalesce(a.state, 'prepared transaction'), a.xact_start
        FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
        WHERE (l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
          AND (l.relation IN (to_regclass($1), to_regclass($2))
               OR l.locktype = 'advisory' AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = $3)
          AND l.granted AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
        GROUP BY 1, 2, 3, 4 ORDER BY 4 NULLS FIRST LIMIT 5
        """;

    /// <summary>The functions behind the triggers of table $1 that are made for queues, ours or one of the Python tpq's, and that the role may drop.</summary>
    public const string RingFunctions =
        """
        SELECT DISTINCT p.oid, p.oid::regprocedure::text
        FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid = to_regclass($1) AND NOT t.tgisinternal AND pg_catalog.pg_has_role(p.proowner, 'USAGE') AND (p.proname = 'tpq_ring' OR starts_with(p.proname, 'tpq_notify_'))
        """;

    public const string IsFunctionUsed = "SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgfoid = $1)";
}
