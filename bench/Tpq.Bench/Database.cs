using Npgsql;

namespace Tpq.Bench;

/// <summary>The database of one system, and the connection from which the benchmark looks on.</summary>
sealed class Database(string connectionString, string applicationSuffix = "") : IAsyncDisposable
{
    /// <summary>The application name of the benchmark's own sessions.</summary>
    public const string Onlooker = "onlooker";

    const int Unlimited = 0;

    /// <summary>
    /// What a pool does not give back: connections that are used for a moment twenty times a second look idle, and to open one anew, after ten
    /// seconds, costs as much as fifty messages. Who only waits keeps what he needs for that, and no more.
    /// </summary>
    int MinPoolSize => applicationSuffix.Length == 0 ? 4 : 0;

    readonly NpgsqlConnectionStringBuilder _settings = new(connectionString);

    /// <summary>Without a timeout: filling ten million takes as long as it takes, and ends with the run's own token.</summary>
    readonly NpgsqlDataSource _onlooker = NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = Onlooker, MaxPoolSize = 5, CommandTimeout = Unlimited, MaxAutoPrepare = 8 });

    public string Name => _settings.Database!;

    public string Host => _settings.Host!;

    public int Port => _settings.Port;

    public string User => _settings.Username!;

    public string Password => _settings.Password!;

    public string Url => $"postgresql://{User}:{Password}@{Host}:{Port}/{Name}";

    /// <summary>
    /// What a system connects with; the rest of its settings are its own. A pool gives back soon what it does not use: the connections of
    /// ten systems together are too many, and what is left over from a start is not what is held while waiting.
    /// </summary>
    public NpgsqlConnectionStringBuilder ConnectionString(string application) => new(_settings.ConnectionString)
    {
        ApplicationName = application + applicationSuffix,
        MaxPoolSize = 100,
        MinPoolSize = MinPoolSize,
        ConnectionIdleLifetime = 10,
        ConnectionPruningInterval = 5,
    };

    public Task<NpgsqlConnection> ConnectAsync(CancellationToken cancellationToken) => _onlooker.OpenConnectionAsync(cancellationToken).AsTask();

    public async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = _onlooker.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async Task<T> ScalarAsync<T>(string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = _onlooker.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>How many bytes of write-ahead log the server has written, ever.</summary>
    public Task<long> WalAsync(CancellationToken cancellationToken) => ScalarAsync<long>("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint", cancellationToken);

    public Task DropOldestAsync(string table, int count, CancellationToken cancellationToken) =>
        ExecuteAsync($"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id LIMIT {count})", cancellationToken);

    /// <summary>Runs an INSERT … SELECT that is no part of what is measured: triggers, which would ring for every row, stay silent.</summary>
    public async Task FillAsync(string insert, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await _onlooker.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        foreach (string sql in new[] { "SET LOCAL session_replication_role = replica", insert })
            await using (var command = new NpgsqlCommand(sql, connection, transaction))
                await command.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Lets every measurement begin alike: statistics gathered, dead rows removed, nothing left to be written.</summary>
    public async Task SettleAsync(CancellationToken cancellationToken)
    {
        // Of its own tables alone: a database has a hundred catalogs.
        string tables = await ScalarAsync<string>(
            "SELECT string_agg(format('%I.%I', schemaname, relname), ', ') FROM pg_stat_user_tables", cancellationToken);
        await ExecuteAsync($"VACUUM ANALYZE {tables}", cancellationToken);
        await ExecuteAsync("CHECKPOINT", cancellationToken);
    }

    /// <summary>The same database, for a look that outlasts its system.</summary>
    public Database Again(string? suffix = null) => new(connectionString, suffix ?? applicationSuffix);

    public ValueTask DisposeAsync() => _onlooker.DisposeAsync();
}
