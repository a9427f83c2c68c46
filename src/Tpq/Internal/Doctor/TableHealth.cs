namespace Tpq.Internal;

/// <summary>Dead rows, indexes that have grown, and how autovacuum is set, of the two tables of each queue.</summary>
static class TableHealth
{
    static readonly QueueExamination DeadRows = new(
        "dead rows",
        $"""
        SELECT q.number, {QueueExamination.Table} AS name, pg_catalog.pg_stat_get_dead_tuples(c.oid) AS dead, pg_catalog.pg_stat_get_live_tuples(c.oid) AS live,
               extract(epoch FROM clock_timestamp()
                 - greatest(pg_catalog.pg_stat_get_last_vacuum_time(c.oid), pg_catalog.pg_stat_get_last_autovacuum_time(c.oid)))::float8 AS vacuumed
        FROM {QueueExamination.Tables}
        """,
        static (row, queue, scope) =>
        {
            (long dead, long live, TimeSpan? vacuumed) = (row.Number("dead"), row.Number("live"), row.Time("vacuumed"));
            // A vacuum that has just come and left so many behind was held back; else they are those of a busy minute.
            bool isOverdue = vacuumed is null || vacuumed >= scope.Limits.VacuumAge;
            return dead < live * 10 || dead < scope.Limits.DeadRows * (isOverdue ? 1 : 10) ? null : new Finding(
                Severity.Warning, "dead-rows", queue.Queue, "Dead rows pile up, and takes become slower.",
                $"{row.Text("name")} has about {Evidence.Count(dead)} dead rows and {Evidence.Count(live)} live ones; "
                + (vacuumed is null ? "it was never vacuumed." : $"it was vacuumed {Evidence.Time(vacuumed.Value)} ago."),
                $"VACUUM {row.Text("name")}");
        });

    static readonly QueueExamination Indexes = new(
        "the size of indexes",
        $"""
        SELECT q.number, pg_catalog.format('%I.%I', n.nspname, x.relname) AS name, pg_catalog.pg_relation_size(x.oid) AS bytes,
               greatest(pg_catalog.pg_stat_get_live_tuples(c.oid), c.reltuples::bigint) AS live
        FROM {QueueExamination.Tables} JOIN pg_catalog.pg_index i ON i.indrelid = c.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
        """,
        static (row, queue, scope) =>
        {
            // An entry takes 20 bytes, in pages that are full to nine tenths, or a half.
            (long bytes, long expected) = (row.Number("bytes"), row.Number("live") * 40);
            return bytes < scope.Limits.IndexBytes || bytes < expected * 10 ? null : new Finding(
                Severity.Warning, "index-bloat", queue.Queue, "An index is much larger than what is in it.",
                $"{row.Text("name")} has {Evidence.Bytes(bytes)}; {Evidence.Count(row.Number("live"), "row")} would take {Evidence.Bytes(expected)}.",
                $"REINDEX INDEX CONCURRENTLY {row.Text("name")}");
        });

    static readonly QueueExamination Storage = new(
        "the settings of tables",
        $"""
        SELECT q.number, {QueueExamination.Table} AS name, c.oid = q.later AS is_later, coalesce(array_to_string(c.reloptions, ', '), '') AS settings,
               EXISTS (SELECT FROM pg_catalog.pg_options_to_table(c.reloptions) o WHERE o.option_name = 'autovacuum_enabled' AND NOT o.option_value::bool) AS is_off
        FROM {QueueExamination.Tables} WHERE c.relkind = 'r'
        """,
        static (row, queue, _) =>
        {
            (string name, string settings) = (row.Text("name"), row.Text("settings"));
            if (row.Is("is_off"))
                return new Finding(
                    Severity.Error, "autovacuum", queue.Queue, "Nobody removes the table's dead rows: takes become slower and slower.",
                    $"{name} has autovacuum_enabled off.", $"ALTER TABLE {name} RESET (autovacuum_enabled)");
            // A queue's table without any wants an upgrade.
            if (row.Is("is_later") ? !queue.HasLater : settings.Length == 0)
                return null;
            string[] altered = [.. SchemaScript.Settings.Where(s => !settings.Split(", ").Contains(s.Replace(" ", "", StringComparison.Ordinal)))];
            return altered.Length == 0 ? null : new Finding(
                Severity.Info, "storage", queue.Queue, "The table's settings are not those that tpq gives a queue.",
                $"{name} has: {(settings.Length == 0 ? "none" : settings)}.", $"ALTER TABLE {name} SET ({string.Join(", ", altered)})");
        });

    public static readonly QueueExamination[] All = [DeadRows, Indexes, Storage];
}
