using System.Runtime.CompilerServices;
using Npgsql;

namespace Tpq.Cli;

/// <summary>Which database a client is connected with, for sentences.</summary>
sealed record DatabaseAddress(string Database, string Host, int Port)
{
    public static DatabaseAddress Of(TpqClient client)
    {
        var settings = new NpgsqlConnectionStringBuilder(DataSourceOf(client).ConnectionString);
        return new DatabaseAddress(settings.Database ?? settings.Username ?? "", settings.Host ?? "", settings.Port);
    }

    public override string ToString() => Host.Contains(',') ? $"database {Display.Quote(Database)} on {Host}"
        : Host.StartsWith('/') ? $"database {Display.Quote(Database)} on the socket in {Host}, port {Port}"
        : $"database {Display.Quote(Database)} on host {Host}, port {Port}";

    /// <summary>The client's pool, for what is not about queues.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_DataSource")]
    public static extern NpgsqlDataSource DataSourceOf(TpqClient client);
}
