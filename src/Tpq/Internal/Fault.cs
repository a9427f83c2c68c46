using Npgsql;

namespace Tpq.Internal;

/// <summary>What an error of the driver or the server means to a queue.</summary>
static class Fault
{
    const string IdleSessionTimeout = "57P05", IdleInTransactionTimeout = "25P03";

    /// <summary>The connection is gone, or the server is going down or coming up: worth another try on a new connection.</summary>
    public static bool IsConnectionLoss(Exception error) => error switch
    {
        PostgresException e => e.SqlState is ['0', '8', ..] or PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown
            or PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.TooManyConnections
            // idle_session_timeout and its like; and a primary that has become a standby.
            or IdleSessionTimeout or IdleInTransactionTimeout or PostgresErrorCodes.ReadOnlySqlTransaction,
        NpgsqlException => true,
        _ => false,
    };

    /// <summary>Our own statement named a table that is not there; a trigger's or a function's statement has another text around it.</summary>
    public static bool IsMissingTable(PostgresException e) =>
        e is { SqlState: PostgresErrorCodes.UndefinedTable, InternalQuery: null, Where: null };

    /// <summary>A prepared RETURNING * met a table that upgrade has meanwhile given a column. The driver has dropped the statement: once more.</summary>
    public static bool IsStalePlan(PostgresException e) =>
        e is { SqlState: PostgresErrorCodes.FeatureNotSupported, Routine: "RevalidateCachedQuery" };

    /// <summary>Throws the server's error in tpq's words, where there are some; else returns.</summary>
    public static void ThrowTranslated(Exception error, QueueState queue, string? database)
    {
        if (error is PostgresException server && Translate(server, queue, database) is { } translated)
            throw translated;
    }

    /// <summary>The server's error in tpq's words, where tpq knows more than the server; else null.</summary>
    static TpqException? Translate(PostgresException e, QueueState queue, string? database) => e switch
    {
        _ when IsMissingTable(e) && e.MessageText.Contains(queue.Name.LaterName, StringComparison.Ordinal) => new TpqException(
            $"Queue \"{queue.Name.Queue}\" was made by the Python tpq or an older version and has no table for messages that are not ready yet. "
            + $"UpgradeAsync (or: tpq upgrade {queue.Name.Queue}) adds it, in place.", e),
        _ when IsMissingTable(e) => new TpqQueueNotFoundException(queue.Name.Queue, database, e),
        // Of Sql.HasJson, or of a column that every queue has.
        { SqlState: PostgresErrorCodes.UndefinedFunction, InternalQuery: null } when e.MessageText.Contains("json_typeof", StringComparison.Ordinal) =>
            Catalog.NotAQueue(queue.Name),
        { SqlState: PostgresErrorCodes.UndefinedColumn, InternalQuery: null } when e.MessageText.Contains("\"data\"", StringComparison.Ordinal)
            || e.MessageText.Contains("\"id\"", StringComparison.Ordinal) => Catalog.NotAQueue(queue.Name),
        // The column's name stands quoted in the message, whatever its language.
        { SqlState: PostgresErrorCodes.UndefinedColumn, InternalQuery: null } when e.MessageText.Contains("\"headers\"", StringComparison.Ordinal) => new TpqException(
            $"Queue \"{queue.Name.Queue}\" was made by the Python tpq or an older version and has no column for headers. "
            + $"UpgradeAsync (or: tpq upgrade {queue.Name.Queue}) adds it, in place.", e),
        { SqlState: PostgresErrorCodes.SerializationFailure } => new TpqException(
            $"Another transaction changed queue \"{queue.Name.Queue}\" after the snapshot of this one, whose isolation is REPEATABLE READ or above. "
            + "Roll it back and run it again, or take messages in READ COMMITTED. The transaction was left as it is.", e),
        _ => null,
    };
}
