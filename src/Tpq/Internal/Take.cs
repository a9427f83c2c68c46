using Npgsql;

namespace Tpq.Internal;

/// <summary>Takes messages: the statement that <see cref="Sql"/> explains, on whichever connection, and its rows in order.</summary>
static class Take
{
    public static NpgsqlBatchCommand Statement(Sql sql, int max)
    {
        if (max == 1)
            return new NpgsqlBatchCommand(sql.Take);
        var statement = new NpgsqlBatchCommand(sql.TakeMany);
        statement.Parameters.Add(new NpgsqlParameter<int> { TypedValue = max });
        return statement;
    }

    public static async Task<List<TpqMessage>> RunAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, QueueState queue, int max, CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection, transaction);
        await using var _ = batch.ConfigureAwait(false);
        batch.BatchCommands.Add(Statement(queue.Sql, max));
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var __ = reader.ConfigureAwait(false);
        return await ReadAsync(reader, queue, cancellationToken).ConfigureAwait(false);
    }

    public static async Task<List<TpqMessage>> ReadAsync(NpgsqlDataReader reader, QueueState queue, CancellationToken cancellationToken)
    {
        var messages = new List<TpqMessage>();
        var columns = new MessageColumns(reader);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            messages.Add(columns.Read(reader, queue.Name.Queue));
        messages.Sort(static (a, b) => a.Id.CompareTo(b.Id));
        return messages;
    }
}
