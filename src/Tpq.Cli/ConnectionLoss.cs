using Npgsql;

namespace Tpq.Cli;

/// <summary>Tells a server that restarts from one that refuses.</summary>
static class ConnectionLoss
{
    const string IdleSessionTimeout = "57P05", IdleInTransactionTimeout = "25P03";

    /// <summary>Whether the connection is gone, or the server is going down or coming up: worth another try.</summary>
    public static bool Is(Exception error) => error switch
    {
        PostgresException e => e.SqlState is ['0', '8', ..] or PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown
            or PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.TooManyConnections
            // A primary that has become a standby.
            or IdleSessionTimeout or IdleInTransactionTimeout or PostgresErrorCodes.ReadOnlySqlTransaction,
        NpgsqlException => true,
        _ => false,
    };
}
