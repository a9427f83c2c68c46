using Npgsql;

namespace Tpq.Internal.Overview;

/// <summary>Reads messages to be shown, without taking or locking them, and no more of them than was asked for.</summary>
/// <param name="client">The client.</param>
/// <param name="queue">The queue, which the role may read.</param>
/// <param name="characters">How much is read of a payload.</param>
sealed class MessageReader(TpqClient client, QueueStatistics queue, int characters)
{
    /// <summary>What is in line, in order.</summary>
    /// <param name="after">Behind this id; null for the front, or where the living rows are supposed to begin: see <see cref="OverviewSql"/>.</param>
    /// <param name="max">How many at most.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    public Task<List<ListedMessage>> ReadyAsync(long? after, int max, CancellationToken cancellationToken) =>
        ReadAsync(MessageSql.Ready(queue), new NpgsqlParameter<long> { TypedValue = after ?? queue.After ?? long.MinValue }, max, cancellationToken);

    /// <summary>What is for later or leased, in the order of its time.</summary>
    public async Task<List<ListedMessage>> NotReadyAsync(int max, CancellationToken cancellationToken) => queue.HasLater
        ? await ReadAsync(MessageSql.NotReady(queue), QueueLook.From(queue, client.Time.GetUtcNow()), max, cancellationToken).ConfigureAwait(false)
        : [];

    /// <summary>A message in line or not; null where there is none.</summary>
    public async Task<ListedMessage?> FindAsync(long id, CancellationToken cancellationToken) =>
        (await ReadAsync(MessageSql.One(queue), new NpgsqlParameter<long> { TypedValue = id }, 1, cancellationToken).ConfigureAwait(false)).FirstOrDefault();

    async Task<List<ListedMessage>> ReadAsync(string sql, NpgsqlParameter which, int max, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        var command = new NpgsqlBatchCommand(sql)
        {
            Parameters = { which, new NpgsqlParameter<int> { TypedValue = max }, new NpgsqlParameter<int> { TypedValue = characters } },
        };
        var batch = new NpgsqlBatch(connection) { BatchCommands = { new NpgsqlBatchCommand(MessageSql.Timeout), command } };
        await using var __ = batch.ConfigureAwait(false);
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var ___ = reader.ConfigureAwait(false);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        var messages = new List<ListedMessage>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            messages.Add(new ListedMessage(
                reader.GetInt64(0), reader.GetString(1), reader.GetInt64(2), Time(reader, 3), reader.IsDBNull(4) ? 0 : reader.GetInt32(4),
                reader.IsDBNull(5) ? null : reader.GetString(5), reader.GetBoolean(6), Time(reader, 7)));
        }
        return messages;
    }

    static DateTimeOffset? Time(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
}
