using System.Data.Common;
using Npgsql;

namespace Tpq.Internal;

/// <summary>Refuses a context of another database: the statement runs on its connection, and would put there.</summary>
/// <remarks>It compares what both sides say of themselves, and asks no server. So two names of one server are two databases here.</remarks>
static class SameDatabase
{
    /// <exception cref="InvalidOperationException">It is not an open connection of Npgsql's to the database of the queue's client.</exception>
    public static NpgsqlConnection Checked(TpqQueue queue, DbConnection? connection)
    {
        if (connection is not NpgsqlConnection npgsql)
            throw new InvalidOperationException("A queue lives in PostgreSQL: the context has to be set up with UseNpgsql.");
        string clients = queue.Client.DataSource.ConnectionString;
        if (npgsql.ConnectionString == clients)
            return npgsql;
        var settings = new NpgsqlConnectionStringBuilder(clients);
        return Contains(settings, npgsql) ? npgsql : throw new InvalidOperationException(
            $"The client of queue \"{queue.Name}\" uses the database {queue.Client.Database} at {settings.Host}:{settings.Port}, and the context {npgsql.Database} at "
            + $"{npgsql.Host}:{npgsql.Port}. Make both over one NpgsqlDataSource: new TpqClient(dataSource) and UseNpgsql(dataSource).");
    }

    static bool Contains(NpgsqlConnectionStringBuilder clients, NpgsqlConnection connection) =>
        (clients.Database ?? clients.Username) == connection.Database && Array.Exists(clients.Host!.Split(','), host => IsAt(host.Trim(), clients.Port, connection));

    static bool IsAt(string host, int port, NpgsqlConnection connection) =>
        Same(host, connection.Host) && port == connection.Port || Same(host, $"{connection.Host}:{connection.Port}");

    static bool Same(string host, string? other) => string.Equals(host, other, StringComparison.OrdinalIgnoreCase);
}
