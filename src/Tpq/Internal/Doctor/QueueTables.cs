namespace Tpq.Internal;

/// <summary>Whether the tables of each queue are as this version makes them: columns, companion, index, sequence.</summary>
static class QueueTables
{
    /// <summary>The companion's columns, and how one that is missing is added.</summary>
    public static readonly Dictionary<string, string> LaterColumns = new(StringComparer.Ordinal)
    {
        ["id"] = "bigint PRIMARY KEY",
        ["data"] = "json NOT NULL DEFAULT 'null'",
        ["enqueued_at"] = "timestamptz NOT NULL DEFAULT now()",
        ["attempts"] = "int NOT NULL DEFAULT 0",
        ["headers"] = "json",
    };

    static readonly QueueExamination Index = new(
        "indexes",
        $"""
        SELECT q.number, {QueueExamination.Table} AS name FROM {QueueExamination.Queues}
        JOIN pg_catalog.pg_class c ON c.oid = q.later JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                          WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND a.attname = 'due_at')
        """,
        static (row, queue, _) => !queue.HasLater ? null : new Finding(
            Severity.Warning, "index", queue.Queue, "The index by which the next message that is due is found is missing.",
            $"{row.Text("name")} has no valid index on due_at.", $"CREATE INDEX CONCURRENTLY ON {row.Text("name")} (due_at)"));

    static readonly QueueExamination Sequence = new(
        "sequences",
        $"""
        SELECT q.number, {QueueExamination.Table} AS name, s.name AS sequence, s.oid IS NOT NULL AS owned, p.seqcycle AS cycles, p.seqcache AS cache, p.seqmax AS most,
               CASE WHEN pg_catalog.has_sequence_privilege(s.oid, 'USAGE,SELECT') THEN pg_catalog.pg_sequence_last_value(s.oid) END AS last,
               EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'id' AND (a.atthasdef OR a.attidentity <> '')) AS has_default
        FROM {QueueExamination.Queues} JOIN pg_catalog.pg_class c ON c.oid = q.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN LATERAL (SELECT k.oid, pg_catalog.format('%I.%I', m.nspname, k.relname) AS name FROM {CatalogSql.OwnedSequence} LIMIT 1) s ON true
        LEFT JOIN pg_catalog.pg_sequence p ON p.seqrelid = s.oid
        """,
        FindInSequence);

    static readonly QueueExamination Additions = new(
        "constraints and triggers",
        $"""
        SELECT q.number, {QueueExamination.Table} AS name, string_agg(a.what, ', ' ORDER BY a.what) AS additions,
               string_agg(a.remedy, '; ' ORDER BY a.what) AS remedy
        FROM {QueueExamination.Tables}
        CROSS JOIN LATERAL (
          SELECT 'constraint ' || k.conname AS what, pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', {QueueExamination.Table}, k.conname) AS remedy
          FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('c', 'f', 'u', 'x')
          UNION ALL
          SELECT 'trigger ' || g.tgname, pg_catalog.format('DROP TRIGGER %I ON %s', g.tgname, {QueueExamination.Table})
          FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
          WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgname <> 'tpq_ring' AND NOT starts_with(p.proname, 'tpq_notify_')) a
        GROUP BY q.number, n.nspname, c.relname
        """,
        static (row, queue, _) => new Finding(
            Severity.Info, "addition", queue.Queue,
            "Somebody has added to the table what can refuse messages: such a put, retry or move fails, and what is due is tried again each minute.",
            $"{row.Text("name")} has {row.Text("additions")}.", row.Text("remedy")));

    public static readonly QueueExamination[] All = [Index, Sequence, Additions];

    /// <summary>What needs no statement of its own.</summary>
    public static Finding? Find(ExaminedQueue queue, Scope scope)
    {
        if (queue.LaterOid != 0 && !queue.HasLater)
            return new Finding(
                Severity.Error, "columns", queue.Queue, "Something else has the name of the queue's companion: nothing can be delayed, retried or leased.",
                $"{queue.Name.Later} lacks due_at or lease.",
                $"ALTER TABLE {queue.Name.Later} RENAME TO {Identifier.Quote(Shortened(queue.Name.LaterName) + "_old")}; then: {scope.Command("upgrade", queue.Queue)}");
        string[] missing = [.. SchemaScript.AddedColumns.Where(c => !queue.Columns.Contains(c)).Select(static c => $"column {c}")];
        if (queue.LaterOid == 0)
            missing = [.. missing, $"table {queue.Name.LaterName}"];
        if (queue.Storage.Length == 0)
            missing = [.. missing, "settings for autovacuum"];
        if (missing.Length > 0)
            return new Finding(
                Severity.Warning, "upgrade", queue.Queue, "The queue lacks what this version uses: the Python tpq or an older version made it, or it was altered.",
                $"Missing: {string.Join(", ", missing)}.", scope.Command("upgrade", queue.Queue));
        string[] lost = [.. LaterColumns.Keys.Where(c => !queue.LaterColumns.Contains(c))];
        return lost.Length == 0 ? null : new Finding(
            Severity.Error, "columns", queue.Queue, "The queue's companion lacks columns: nothing can be delayed, retried or leased.",
            $"{queue.Name.Later} lacks {string.Join(", ", lost)}.",
            $"ALTER TABLE {queue.Name.Later} {string.Join(", ", lost.Select(static c => $"ADD COLUMN {c} {LaterColumns[c]}"))}");
    }

    static Finding? FindInSequence(Row row, ExaminedQueue queue, Scope scope)
    {
        (string sequence, long last, long most) = (row.Text("sequence"), row.Number("last"), row.Number("most"));
        if (!row.Is("owned") || !row.Is("has_default"))
        {
            string name = sequence.Length > 0 ? sequence : $"{Identifier.Quote(queue.Schema)}.{Identifier.Quote(Shortened(queue.Name.LaterName) + "_ids")}";
            return new Finding(
                Severity.Error, "sequence", queue.Queue, "Messages get no ids: nothing can be put.", $"Column id of {row.Text("name")} has no default, or no sequence of its own.",
                (row.Is("owned") ? "" : $"CREATE SEQUENCE {name} OWNED BY {row.Text("name")}.id; SELECT setval({Identifier.Literal(name)}, (SELECT coalesce(max(id), 0) + 1 FROM {row.Text("name")}), false); ")
                + $"ALTER TABLE {row.Text("name")} ALTER COLUMN id SET DEFAULT nextval({Identifier.Literal(name)})");
        }
        if (row.Is("cycles"))
            return new Finding(
                Severity.Error, "sequence", queue.Queue, "The sequence begins again when it is at its end: ids collide, and the order is lost.", $"{sequence} cycles.", $"ALTER SEQUENCE {sequence} NO CYCLE");
        if (last > most / 10 * 9)
            return new Finding(
                Severity.Error, "sequence", queue.Queue, "The sequence is near its end, after which nothing can be put.", $"{sequence} is at {Evidence.Count(last)} of {Evidence.Count(most)}.",
                $"ALTER SEQUENCE {sequence} AS bigint NO MAXVALUE");
        return row.Number("cache") <= 1 ? null : new Finding(
            Severity.Warning, "sequence", queue.Queue, "Sessions keep ids in store, so messages are not in the order in which they are put.", $"{sequence} has a cache of {Evidence.Count(row.Number("cache"))}.",
            $"ALTER SEQUENCE {sequence} CACHE 1");
    }

    /// <summary>A companion's name without its suffix, which leaves room for another one of at most six bytes.</summary>
    static string Shortened(string laterName) => laterName[..^QueueName.LaterSuffix.Length];
}
