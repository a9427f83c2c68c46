namespace Tpq.Internal;

/// <summary>
/// Whether the role of this session has whole sets of rights. One that may only look, put or take is healthy, and so is one that has no right to a queue: it is
/// not the role's. One that has a part of what a put or a take needs is not.
/// </summary>
static class QueuePrivileges
{
    static readonly QueueExamination Privileges = new(
        "privileges",
        $"""
        SELECT q.number, {QueueExamination.Table} AS name, pg_catalog.quote_ident(n.nspname) AS schema, current_user::text AS role, s.name AS sequence,
               pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS schema_usage,
               pg_catalog.has_any_column_privilege(c.oid, 'INSERT') AS inserts, {Columns("INSERT", "'data', 'headers'")} AS inserts_all, {Columns("SELECT", "'id'")} AS selects_id,
               coalesce(pg_catalog.has_sequence_privilege(s.oid, 'USAGE,UPDATE'), true) AS sequence_usage,
               pg_catalog.has_table_privilege(c.oid, 'SELECT') AS selects, pg_catalog.has_table_privilege(c.oid, 'DELETE') AS deletes,
               pg_catalog.has_any_column_privilege(c.oid, 'UPDATE') AS updates,
               coalesce(pg_catalog.has_table_privilege(q.later, 'INSERT') AND pg_catalog.has_any_column_privilege(q.later, 'SELECT'), true) AS later_puts,
               coalesce(pg_catalog.has_table_privilege(q.later, 'SELECT') AND pg_catalog.has_table_privilege(q.later, 'INSERT')
                 AND pg_catalog.has_table_privilege(q.later, 'DELETE') AND pg_catalog.has_table_privilege(q.later, 'UPDATE'), true) AS later_takes
        FROM {QueueExamination.Queues} JOIN pg_catalog.pg_class c ON c.oid = q.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN LATERAL (SELECT k.oid, pg_catalog.format('%I.%I', m.nspname, k.relname) AS name FROM {CatalogSql.OwnedSequence} LIMIT 1) s ON true
        """,
        Find);

    public static readonly QueueExamination[] All = [Privileges];

    /// <summary>What puts, takes and the trigger call, and everybody may run unless somebody has revoked it.</summary>
    public static readonly Examination Functions = new(
        "the rights to functions",
        """
        SELECT current_user::text AS role, string_agg(f.name, ', ') AS names
        FROM unnest(ARRAY['pg_notify(text, text)', 'set_config(text, text, boolean)', 'current_setting(text, boolean)', 'nextval(regclass)',
          'pg_get_serial_sequence(text, text)', 'pg_current_snapshot()', 'pg_snapshot_xmax(pg_snapshot)', 'pg_xact_status(xid8)', 'pg_current_xact_id_if_assigned()', 'pg_backend_pid()',
          'pg_try_advisory_lock(integer, integer)', 'pg_advisory_lock(integer, integer)', 'pg_advisory_unlock(integer, integer)', 'pg_advisory_unlock_all()',
          'pg_try_advisory_xact_lock(integer, integer)', 'pg_try_advisory_xact_lock_shared(integer, integer)']) u(name),
          LATERAL (SELECT 'pg_catalog.' || u.name AS name) f
        WHERE NOT pg_catalog.has_function_privilege(f.name, 'EXECUTE')
        """,
        static (row, _) => row.Text("names") is { Length: > 0 } names
            ? new Finding(
                Severity.Warning, "privileges", null, "The role may not run functions that puts and takes call.", $"Role \"{row.Text("role")}\" lacks: EXECUTE ON FUNCTION {names}.",
                $"GRANT EXECUTE ON FUNCTION {names} TO {Identifier.Quote(row.Text("role"))}")
            : null);

    static Finding? Find(Row row, ExaminedQueue queue, Scope scope)
    {
        (string name, string to) = (row.Text("name"), Identifier.Quote(row.Text("role")));
        (bool puts, bool takes, bool looks) = (row.Is("inserts"), row.Is("deletes"), row.Is("selects"));
        if (!puts && !takes && !looks)
            return null;
        string[] lacks = [.. Lacking(row, queue)];
        if (lacks.Length > 0)
            return new Finding(
                Severity.Warning, "privileges", queue.Queue,
                "The role has not all rights that it takes to put or to take.",
                $"Role \"{row.Text("role")}\" lacks: {string.Join("; ", lacks)}.", string.Join("; ", lacks.Select(r => $"GRANT {r} TO {to}")));
        string[] laterLacks = takes && !row.Is("later_takes")
            ? [$"SELECT, INSERT, DELETE, UPDATE ON {queue.Name.Later}", $"INSERT, SELECT ON {name}", $"USAGE ON SEQUENCE {row.Text("sequence")}"]
            : puts && !row.Is("later_puts") ? [$"INSERT, SELECT (id) ON {queue.Name.Later}"] : [];
        return laterLacks.Length == 0 ? null : new Finding(
            Severity.Info, "privileges", queue.Queue, takes ? "The role cannot retry, lease or pause, nor make ready what is due." : "The role cannot put with a delay.",
            $"Role \"{row.Text("role")}\" lacks: {string.Join("; ", laterLacks)}.", string.Join("; ", laterLacks.Select(r => $"GRANT {r} TO {to}")));
    }

    static IEnumerable<string> Lacking(Row row, ExaminedQueue queue)
    {
        string name = row.Text("name");
        (bool puts, bool takes, bool looks) = (row.Is("inserts"), row.Is("deletes"), row.Is("selects"));
        if (!row.Is("schema_usage"))
            yield return $"USAGE ON SCHEMA {row.Text("schema")}";
        if (puts && !row.Is("inserts_all"))
            yield return $"INSERT ({(queue.Columns.Contains("headers") ? "data, headers" : "data")}) ON {name}";
        if (puts && !row.Is("selects_id"))
            yield return $"SELECT (id) ON {name}";
        if (puts && !row.Is("sequence_usage"))
            yield return $"USAGE ON SEQUENCE {row.Text("sequence")}";
        if (takes && !looks)
            yield return $"SELECT ON {name}";
        if (takes && !row.Is("updates"))
            yield return $"UPDATE ({(queue.Columns.Contains("attempts") ? "attempts" : "id")}) ON {name}";
    }

    static string Columns(string right, string columns) =>
        $"""
        (SELECT bool_and(pg_catalog.has_column_privilege(c.oid, a.attnum, '{right}')) FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = c.oid AND a.attname IN ({columns}) AND NOT a.attisdropped)
        """;
}
