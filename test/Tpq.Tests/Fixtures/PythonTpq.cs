using Npgsql;
using NpgsqlTypes;

namespace Tpq.Tests.Fixtures;

/// <summary>A double of the Python tpq: sends exactly its SQL, names spliced in bare, as they are there, so that the server folds them to lower case.</summary>
sealed class PythonTpq : IAsyncDisposable
{
    readonly NpgsqlDataSource _dataSource;

    public PythonTpq(string url, string schema) =>
        _dataSource = NpgsqlDataSource.Create($"{Server.KeywordsOf(url)};Search Path=\"{schema}\"");

    public async Task CreateAsync(string queue)
    {
        await using NpgsqlConnection connection = await _dataSource.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(
            $"""
            CREATE TABLE tpq_{queue} (id bigserial PRIMARY KEY, data json NOT NULL);
            CREATE FUNCTION tpq_notify_{queue}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              PERFORM pg_notify('{queue}', '');
              RETURN NEW;
            END $$;
            CREATE TRIGGER tpq_insert_{queue} AFTER INSERT ON tpq_{queue} FOR EACH ROW EXECUTE PROCEDURE tpq_notify_{queue}();
            """, connection);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<long> PutAsync(string queue, string json)
    {
        await using NpgsqlConnection connection = await _dataSource.OpenConnectionAsync();
        await using var command = new NpgsqlCommand($"INSERT INTO tpq_{queue} (data) VALUES ($1) RETURNING id", connection);
        command.Parameters.Add(new() { Value = json, NpgsqlDbType = NpgsqlDbType.Json });
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Takes in a transaction that the caller ends.</summary>
    public static async Task<string?> GetAsync(NpgsqlConnection connection, string queue)
    {
        await using var command = new NpgsqlCommand(
            $"DELETE FROM tpq_{queue} WHERE id = (SELECT id FROM tpq_{queue} ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING data",
            connection);
        return (string?)await command.ExecuteScalarAsync();
    }

    public async Task<string?> GetAsync(string queue)
    {
        await using NpgsqlConnection connection = await _dataSource.OpenConnectionAsync();
        return await GetAsync(connection, queue);
    }

    /// <summary>Waits as the Python consumer does, but in the right order: LISTEN, then look, then wait for one notification.</summary>
    public async Task<string?> WaitAsync(string queue, Action onListening, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await _dataSource.OpenConnectionAsync(cancellationToken);
        await using (var listen = new NpgsqlCommand($"LISTEN \"{queue}\"", connection))
            await listen.ExecuteNonQueryAsync(cancellationToken);
        if (await GetAsync(connection, queue) is { } there)
            return there;
        onListening();
        await connection.WaitAsync(cancellationToken);
        return await GetAsync(connection, queue);
    }

    public ValueTask DisposeAsync() => _dataSource.DisposeAsync();
}
