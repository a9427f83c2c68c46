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

    /// <summary>The server is short of something, a disk that is full for example: worth another try when that is over.</summary>
    public static bool IsShortage(Exception error) => error is PostgresException { SqlState: ['5', '3', ..] };

    /// <summary>
    /// Worth another look: the connection is gone, or the server is short of something, or a timeout that the role or the database has struck, or a
    /// deadlock was solved at our cost.
    /// </summary>
    public static bool IsPassing(Exception error) => IsConnectionLoss(error) || IsShortage(error) || error is PostgresException
    {
        SqlState: PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.DeadlockDetected
    };

    /// <summary>The table would not have a row as it is: a constraint, a trigger's own exception, a value that does not fit. Of other rows it says nothing.</summary>
    public static bool IsRefusal(PostgresException error) => error.SqlState is ['2', '2' or '3', ..] or ['4', '4', ..] or ['P', '0', ..];

    /// <summary>All connections are in use: nothing is wrong with them.</summary>
    public static bool IsPoolExhausted(Exception error) => error is NpgsqlException { InnerException: TimeoutException, Message: var message }
        && message.Contains("pool has been exhausted", StringComparison.Ordinal);

    /// <summary>Our own statement named a table that is not there; a trigger's or a function's statement has another text around it.</summary>
    public static bool IsMissingTable(PostgresException e) =>
        e is { SqlState: PostgresErrorCodes.UndefinedTable, InternalQuery: null, Where: null };

    /// <summary>How often a call meets one and goes on: a look makes several statements, each prepared on each connection.</summary>
    public const int MostStalePlans = 20;

    /// <summary>A prepared RETURNING * met a table that upgrade has meanwhile given a column. The driver has dropped the statement: once more.</summary>
    public static bool IsStalePlan(PostgresException e) =>
        e is { SqlState: PostgresErrorCodes.FeatureNotSupported, Routine: "RevalidateCachedQuery" };

    /// <summary>Throws the server's error in tpq's words, where there are some; else returns.</summary>
    public static void ThrowTranslated(Exception error, QueueState queue, string? database)
    {
        if (error is PostgresException server && Translate(server, queue, database) is { } translated)
            throw translated;
    }

    static bool IsAddedColumn(string message) =>
        message.Contains("\"headers\"", StringComparison.Ordinal) || message.Contains("\"attempts\"", StringComparison.Ordinal)
        || message.Contains("\"enqueued_at\"", StringComparison.Ordinal);

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
        { SqlState: PostgresErrorCodes.UndefinedColumn, InternalQuery: null } when IsAddedColumn(e.MessageText) => new TpqException(
            $"Queue \"{queue.Name.Queue}\" was made by the Python tpq or an older version and lacks a column that was added since. "
            + $"UpgradeAsync (or: tpq upgrade {queue.Name.Queue}) adds it, in place.", e),
        { SqlState: PostgresErrorCodes.SerializationFailure } => new TpqException(
            $"Another transaction changed queue \"{queue.Name.Queue}\" after the snapshot of this one, whose isolation is REPEATABLE READ or above. "
            + "Roll it back and run it again, or take messages in READ COMMITTED. The transaction was left as it is.", e),
        _ => null,
    };
}
