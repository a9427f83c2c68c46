using Npgsql;
using NpgsqlTypes;

namespace Tpq.Internal;

/// <summary>What PostgreSQL's catalog says of a queue's tables.</summary>
sealed record Catalog(
    bool IsTable, bool IsQueue, IReadOnlySet<string> Columns, string Storage, bool IsLaterNameTaken, bool HasLater, bool HasRing, string Schema)
{
    public static async Task<Catalog> ReadAsync(NpgsqlConnection connection, QueueName name, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(CatalogSql.State, connection);
        await using var _ = command.ConfigureAwait(false);
        command.Parameters.Add(Text(name.Table));
        command.Parameters.Add(Text(name.RingFunction));
        command.Parameters.Add(Text(name.LaterName));
        command.Parameters.Add(Text(name.Schema));
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var __ = reader.ConfigureAwait(false);
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        return new Catalog(
            reader.GetBoolean(0), reader.GetBoolean(1),
            reader.GetString(2).Split(',', StringSplitOptions.RemoveEmptyEntries).ToHashSet(StringComparer.Ordinal),
            reader.GetString(3), reader.GetBoolean(4), reader.GetBoolean(5), reader.GetBoolean(6), reader.GetString(7));
    }

    /// <exception cref="TpqQueueNotFoundException">There is no table of that name.</exception>
    /// <exception cref="TpqException">It is not a queue.</exception>
    public void ThrowIfNotQueue(QueueName name, string? database)
    {
        if (!IsTable)
            throw new TpqQueueNotFoundException(name.Queue, database);
        if (!IsQueue)
            throw NotAQueue(name);
    }

    public static TpqException NotAQueue(QueueName name) => new(
        $"Table {name.Table} is not a queue: a queue has the primary key id (bigint), data (json), and no column that no version of tpq knows.");

    /// <exception cref="TpqException">Something else has the name of the companion table.</exception>
    public void ThrowIfLaterIsSomethingElse(QueueName name)
    {
        if (IsLaterNameTaken && !HasLater)
            throw new TpqException(
                $"Queue \"{name.Queue}\" needs a table of the name \"{name.LaterName}\" beside its own, and something else of that name is in schema \"{Schema}\". "
                + "Rename it, or choose another name for the queue.");
    }

    public static async Task<IReadOnlyList<TpqQueueInfo>> ListAsync(TpqClient client, string prefix, string? schema, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        var queues = new List<TpqQueueInfo>();
        foreach ((string queue, bool hasEnqueuedAt) in await NamesAsync(connection, prefix, schema, cancellationToken).ConfigureAwait(false))
        {
            try
            {
                queues.Add(await InfoAsync(connection, QueueName.Create(queue, prefix, schema), hasEnqueuedAt, cancellationToken).ConfigureAwait(false));
            }
            catch (PostgresException e) when (Fault.IsMissingTable(e))
            {
                // Dropped since the catalog was read: it is no queue any more.
            }
        }
        return queues;
    }

    static async Task<List<(string Queue, bool HasEnqueuedAt)>> NamesAsync(
        NpgsqlConnection connection, string prefix, string? schema, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(CatalogSql.Queues, connection);
        await using var _ = command.ConfigureAwait(false);
        command.Parameters.Add(Text(prefix));
        command.Parameters.Add(Text(schema));
        command.Parameters.Add(Text(QueueName.LaterSuffix));
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var __ = reader.ConfigureAwait(false);
        var names = new List<(string, bool)>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            names.Add((reader.GetString(0), reader.GetBoolean(1)));
        return names;
    }

    static async Task<TpqQueueInfo> InfoAsync(NpgsqlConnection connection, QueueName name, bool hasEnqueuedAt, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(new Sql(name).Info(hasEnqueuedAt), connection) { CommandTimeout = 0 };
        await using var _ = command.ConfigureAwait(false);
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var __ = reader.ConfigureAwait(false);
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        return new TpqQueueInfo(name.Queue, reader.GetInt64(0), reader.IsDBNull(1) ? null : reader.GetFieldValue<DateTimeOffset>(1));
    }

    static NpgsqlParameter Text(string? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };
}
