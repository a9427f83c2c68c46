using Npgsql;
using Tpq.Internal.Overview;

namespace Tpq.Internal.Telemetry;

/// <summary>What the gauges tell of a queue.</summary>
/// <param name="Depth">How many messages are ready, those in hand included; of many, the server's estimate.</param>
/// <param name="OldestAge">For how many seconds the oldest of the first in line has waited; 0 for none.</param>
readonly record struct QueueGauge(long Depth, double OldestAge)
{
    /// <summary>
    /// The statement about these queues: the place of each in the list, whether the catalog is to be asked about it again, its depth, when its oldest message was put, and the server's time.
    /// Of what has been seen it reads at most <see cref="OverviewSql.MostCounted"/> and one rows, by the primary key, and none of the others. Locks no row.
    /// </summary>
    /// <param name="queues">Each with what the catalog had of it; null for one that was not there, or that the role could not read.</param>
    public static string Statement(IEnumerable<(QueueName Name, QueueStatistics? Seen)> queues) => string.Join("\nUNION ALL\n", queues.Select(static (queue, number) =>
        $"SELECT {number}, {(queue.Seen is { } seen ? Look(seen) : IsThere(queue.Name))}"));

    public static QueueGauge Of(long depth, DateTimeOffset? oldest, DateTimeOffset now) => new(depth, oldest < now ? (now - oldest.Value).TotalSeconds : 0);

    /// <summary>A row of the statement.</summary>
    public static QueueGauge Read(NpgsqlDataReader row) =>
        Of(row.GetInt64(2), row.IsDBNull(3) ? null : row.GetFieldValue<DateTimeOffset>(3), row.GetFieldValue<DateTimeOffset>(4));

    static string Look(QueueStatistics queue)
    {
        string name = Identifier.Literal(queue.Name.Table);
        string statistics = $"(SELECT pg_catalog.pg_stat_get_live_tuples(t.oid) AS live, pg_catalog.pg_stat_get_dead_tuples(t.oid) AS dead FROM (SELECT to_regclass({name})::oid AS oid) t)";
        return
            $"""
            {(queue.HasEnqueuedAt ? "false" : $"EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass({name}) AND attname = 'enqueued_at')")},
                CASE WHEN r.ready > {OverviewSql.MostCounted} THEN greatest(r.ready, s.live) ELSE r.ready END, r.oldest, pg_catalog.clock_timestamp()
            FROM {statistics} s, (SELECT count(*) AS ready, min(q.enqueued_at) AS oldest FROM (
                SELECT {OverviewSql.EnqueuedAt(queue)} FROM {queue.Name.Table}
                WHERE id > coalesce((SELECT {OverviewSql.After(name, "a.live", "a.dead")} FROM {statistics} a), {long.MinValue + 1}) ORDER BY id LIMIT {OverviewSql.Limit}) q) r
            """;
    }

    static string IsThere(QueueName name) =>
        $"""
        EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = to_regclass({Identifier.Literal(name.Table)}) AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
                AND {CatalogSql.IsQueue}), 0::bigint, NULL::timestamptz, pg_catalog.clock_timestamp()
        """;
}
