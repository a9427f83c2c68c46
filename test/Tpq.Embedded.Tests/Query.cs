using Npgsql;

namespace Tpq.Embedded.Tests;

/// <summary>One statement on a connection of its own.</summary>
static class Query
{
    internal static async Task<object?> RunAsync(string connectionString, string sql, CancellationToken cancellationToken)
    {
        // Without a pool, so that no idle session of an earlier server is handed out.
        var builder = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false };
        await using var connection = new NpgsqlConnection(builder.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        return await RunAsync(connection, sql, cancellationToken);
    }

    internal static async Task<object?> RunAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancellationToken);
    }

    internal static Task<object?> RunAsync(EmbeddedPostgres postgres, string sql, CancellationToken cancellationToken) =>
        RunAsync(postgres.ConnectionString, sql, cancellationToken);
}
