using Npgsql;

namespace Tpq.Cli;

/// <summary>Which database a pool connects with, for sentences.</summary>
sealed record DatabaseAddress(string Database, string Host, int Port)
{
    public static DatabaseAddress Of(NpgsqlDataSource dataSource)
    {
        var settings = new NpgsqlConnectionStringBuilder(dataSource.ConnectionString);
        return new DatabaseAddress(settings.Database ?? settings.Username ?? "", settings.Host ?? "", settings.Port);
    }

    public override string ToString() => Host.Contains(',') ? $"database {Display.Quote(Database)} on {Host}"
        : Host.StartsWith('/') ? $"database {Display.Quote(Database)} on the socket in {Host}, port {Port}"
        : $"database {Display.Quote(Database)} on host {Host}, port {Port}";
}
