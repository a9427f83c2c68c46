using Npgsql;

namespace Tpq.Cli.Demo;

/// <summary>The table into which the demo's consumers work. It would show an order that was done twice: nothing in it is unique.</summary>
sealed class Ledger(NpgsqlDataSource dataSource, string? schema, string name)
{
    readonly string _table = schema is null ? Quote(name) : $"{Quote(schema)}.{Quote(name)}";

    public Task CreateAsync(CancellationToken cancellationToken) =>
        ExecuteAsync($"CREATE TABLE {_table} (\"order\" bigint NOT NULL, cents bigint NOT NULL, consumer int NOT NULL)", cancellationToken);

    public Task DropAsync() => ExecuteAsync($"DROP TABLE IF EXISTS {_table}", CancellationToken.None);

    /// <summary>Writes in the transaction that holds the message.</summary>
    public async Task WriteAsync(TpqDelivery delivery, Order order, int consumer, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"INSERT INTO {_table} VALUES ($1, $2, $3)", delivery.Connection, delivery.Transaction);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = order.Number });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = order.Cents });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = consumer });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>How many entries there are, and how many orders they are about.</summary>
    public async Task<(long Entries, long Orders)> CountAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = dataSource.CreateCommand($"SELECT count(*), count(DISTINCT \"order\") FROM {_table}");
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetInt64(0), reader.GetInt64(1));
    }

    async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = dataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
