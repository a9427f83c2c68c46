using Npgsql;
using Tpq.Embedded;

namespace Tpq.Bench;

/// <summary>The PostgreSQL of a run. Every system has a database of its own in it, so that commits are counted for each.</summary>
sealed class Server : IAsyncDisposable
{
    static readonly Dictionary<string, string> Chosen = new()
    {
        ["max_connections"] = "500",
        ["shared_buffers"] = "1GB",
        ["max_wal_size"] = "8GB",
        ["fsync"] = "on",
        ["synchronous_commit"] = "on",
        ["autovacuum"] = "on",
        // A checkpoint that starts by itself would hit one system and spare the next: there is one before each measurement.
        ["checkpoint_timeout"] = "1h",
    };

    static readonly string[] Shown =
    [
        "server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_level", "wal_sync_method", "shared_buffers", "max_wal_size",
        "checkpoint_timeout", "max_connections", "autovacuum", "autovacuum_naptime", "autovacuum_vacuum_scale_factor", "jit",
    ];

    readonly EmbeddedPostgres _postgres;
    readonly NpgsqlDataSource _administration;

    Server(EmbeddedPostgres postgres)
    {
        _postgres = postgres;
        _administration = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { MaxPoolSize = 2 });
    }

    /// <summary>The folder of the server's programs, pgbench and psql among them where there are any.</summary>
    public string BinDirectory => _postgres.BinDirectory;

    public static async Task<Server> StartAsync(CancellationToken cancellationToken) =>
        new(await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions { Settings = Chosen }, cancellationToken));

    /// <summary>The settings in force, as the server tells them.</summary>
    public async Task<IReadOnlyDictionary<string, string>> ShowAsync(CancellationToken cancellationToken)
    {
        var settings = new Dictionary<string, string>();
        foreach (string setting in Shown)
        {
            await using NpgsqlCommand command = _administration.CreateCommand($"SHOW {setting}");
            settings[setting] = (string)(await command.ExecuteScalarAsync(cancellationToken))!;
        }
        return settings;
    }

    /// <summary>Makes an empty database; one of that name is dropped.</summary>
    public async Task<Database> CreateDatabaseAsync(string name, CancellationToken cancellationToken)
    {
        await DropDatabaseAsync(name, cancellationToken);
        await ExecuteAsync($"CREATE DATABASE \"{name}\"", cancellationToken);
        return new Database(new NpgsqlConnectionStringBuilder(_postgres.ConnectionString) { Database = name }.ConnectionString);
    }

    public Task DropDatabaseAsync(string name, CancellationToken cancellationToken) =>
        ExecuteAsync($"DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)", cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _administration.DisposeAsync();
        await _postgres.DisposeAsync();
    }

    async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = _administration.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
