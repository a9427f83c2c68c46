using Npgsql;

namespace Tpq.Internal;

/// <summary>How a queue tells of puts, as its triggers say.</summary>
/// <param name="Table">The table's oid, which names its locks. It changes when the queue is dropped and made again.</param>
/// <param name="Channel">Where a put notifies.</param>
/// <param name="Notify">When it does.</param>
sealed record Bell(uint Table, string Channel, TpqNotify Notify)
{
    /// <returns>Null where there is no such table.</returns>
    public static async Task<Bell?> ReadAsync(NpgsqlConnection connection, QueueName name, int timeoutSeconds)
    {
        NpgsqlCommand command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = CatalogSql.Bell;
        command.CommandTimeout = timeoutSeconds;
        command.Parameters.Add(new() { Value = name.Table });
        command.Parameters.Add(new() { Value = name.Queue });
        NpgsqlDataReader reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        await using var __ = reader.ConfigureAwait(false);
        await reader.ReadAsync().ConfigureAwait(false);
        if (await reader.IsDBNullAsync(0).ConfigureAwait(false))
            return null;
        return new Bell(reader.GetFieldValue<uint>(0), reader.GetString(1), reader.GetString(2) switch
        {
            "auto" => TpqNotify.Auto,
            "always" => TpqNotify.Always,
            _ => TpqNotify.Never,
        });
    }
}
