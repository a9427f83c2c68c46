namespace Tpq.Internal;

/// <summary>Tables that were queues, by their trigger or companion, and are none any more, because somebody has altered them.</summary>
static class Strangers
{
    /// <summary>Parameters as those of <see cref="CatalogSql.Queues"/>.</summary>
    public static readonly Examination Tables = new(
        "tables that are no queues any more",
        $"""
        SELECT pg_catalog.substr(c.relname, char_length($1) + 1) AS queue, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
               u.names AS unknown, u.drops,
               (SELECT pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'id' AND NOT a.attisdropped) AS id,
               (SELECT pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'data' AND NOT a.attisdropped) AS data
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (
          SELECT string_agg(pg_catalog.quote_ident(a.attname), ', ') AS names, string_agg('DROP COLUMN ' || pg_catalog.quote_ident(a.attname), ', ') AS drops
          FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attname NOT IN ('id', 'data', 'enqueued_at', 'attempts', 'headers')) u
        WHERE {CatalogSql.IsNamedAsQueue} AND c.relkind IN ('r', 'p') AND NOT ({CatalogSql.IsQueue})
          AND (EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND g.tgname = 'tpq_ring')
               OR EXISTS (SELECT FROM pg_catalog.pg_class l WHERE l.relnamespace = n.oid AND l.relname = c.relname || $3))
        """,
        static (row, _) =>
        {
            (string name, string unknown, string id, string data) = (row.Text("name"), row.Text("unknown"), row.Text("id"), row.Text("data"));
            return new Finding(
                Severity.Error, "columns", row.Text("queue"), "The table was a queue and is none any more: every client refuses it.",
                unknown.Length > 0 ? $"{name} has columns that no version of tpq knows: {unknown}."
                    : data.Length == 0 ? $"{name} has no column data."
                    : data != "json" ? $"Column data of {name} has the type {data}, not json."
                    : id != "bigint" ? $"Column id of {name} {(id.Length == 0 ? "is missing" : $"has the type {id}, not bigint")}."
                    : $"Column id of {name} is not the primary key, or the table is partitioned.",
                $"ALTER TABLE {name} " + (
                    unknown.Length > 0 ? row.Text("drops")
                    : data.Length == 0 ? "ADD COLUMN data json NOT NULL DEFAULT 'null'"
                    : data != "json" ? "ALTER COLUMN data TYPE json USING data::text::json"
                    : id.Length == 0 ? "ADD COLUMN id bigserial PRIMARY KEY"
                    : id != "bigint" ? "ALTER COLUMN id TYPE bigint"
                    : "ADD PRIMARY KEY (id)"));
        });
}
