using Npgsql;
using NpgsqlTypes;

namespace Tpq.Internal.Overview;

/// <summary>What a queue takes on disk, and how far VACUUM is behind. Of the server's catalog and statistics: nothing of the queue is read.</summary>
/// <param name="TableBytes">The queue's table, its large payloads included.</param>
/// <param name="IndexBytes">Its indexes.</param>
/// <param name="LaterBytes">All of its companion; null where there is none.</param>
/// <param name="DeadRows">Rows of both that VACUUM has not removed, as the statistics have it.</param>
/// <param name="LastVacuum">When VACUUM last ended for the queue's table; null for never since the statistics began.</param>
sealed record QueueStorage(long TableBytes, long IndexBytes, long? LaterBytes, long DeadRows, DateTimeOffset? LastVacuum)
{
    /// <summary>$1 the queue's table, $2 its companion, as they are written in a statement.</summary>
    const string Statement =
        """
        SELECT pg_catalog.pg_table_size(t.oid), pg_catalog.pg_indexes_size(t.oid), pg_catalog.pg_total_relation_size(l.oid),
               pg_catalog.pg_stat_get_dead_tuples(t.oid) + coalesce(pg_catalog.pg_stat_get_dead_tuples(l.oid), 0),
               greatest(pg_catalog.pg_stat_get_last_vacuum_time(t.oid), pg_catalog.pg_stat_get_last_autovacuum_time(t.oid))
        FROM (SELECT to_regclass($1)::oid AS oid) t, (SELECT to_regclass($2)::oid AS oid) l WHERE t.oid IS NOT NULL
        """;

    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    public static async Task<QueueStorage> ReadAsync(TpqClient client, QueueName queue, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        var command = new NpgsqlCommand(Statement, connection);
        await using var __ = command.ConfigureAwait(false);
        command.Parameters.Add(new NpgsqlParameter { Value = queue.Table, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new NpgsqlParameter { Value = queue.Later, NpgsqlDbType = NpgsqlDbType.Text });
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var ___ = reader.ConfigureAwait(false);
        if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            throw new TpqQueueNotFoundException(queue.Queue, client.Database);
        return new QueueStorage(
            reader.GetInt64(0), reader.GetInt64(1), reader.IsDBNull(2) ? null : reader.GetInt64(2), reader.GetInt64(3),
            reader.IsDBNull(4) ? null : reader.GetFieldValue<DateTimeOffset>(4));
    }
}
