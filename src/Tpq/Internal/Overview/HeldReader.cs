using Npgsql;
using NpgsqlTypes;

namespace Tpq.Internal.Overview;

/// <summary>Reads what of a queue is in hand, and by whom.</summary>
static class HeldReader
{
    /// <exception cref="PostgresException">The server reported an error; in a queue whose statistics mislead, that the look took too long.</exception>
    public static async Task<(IReadOnlyList<Holder> Holders, IReadOnlyList<HeldMessage> Messages)> ReadAsync(
        TpqClient client, QueueStatistics queue, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        var holders = new NpgsqlBatchCommand(OverviewSql.Holders);
        holders.Parameters.Add(new NpgsqlParameter { Value = queue.Name.Table, NpgsqlDbType = NpgsqlDbType.Text });
        var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand(OverviewSql.Timeout), holders, QueueLook.Command(OverviewSql.Held(queue), queue, client.Time.GetUtcNow()),
            },
        };
        await using var __ = batch.ConfigureAwait(false);
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var ___ = reader.ConfigureAwait(false);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        List<Holder> sessions = await ReadRowsAsync(reader, ReadHolder, cancellationToken).ConfigureAwait(false);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        return (sessions, await ReadRowsAsync(reader, ReadMessage, cancellationToken).ConfigureAwait(false));
    }

    static async Task<List<T>> ReadRowsAsync<T>(NpgsqlDataReader reader, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            rows.Add(read(reader));
        return rows;
    }

    static Holder ReadHolder(NpgsqlDataReader row) => new(
        Number(row, 0), row.GetString(1), Text(row, 2), Text(row, 3), Text(row, 4), Time(row, 5), row.GetBoolean(6));

    static HeldMessage ReadMessage(NpgsqlDataReader row) => new(row.GetInt64(0), Time(row, 1), Number(row, 2), Time(row, 3));

    static int? Number(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt32(column);

    static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    static DateTimeOffset? Time(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
}
