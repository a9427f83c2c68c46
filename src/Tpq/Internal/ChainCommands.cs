using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// The driver's commands that a chain of transactions on one connection (see <see cref="PendingTake"/>) sends for each message, used again from one to
/// the next while no handler has had the connection: most of what a message allocates is commands and their parameters.
/// </summary>
/// <remarks>
/// A command remembers under which name the session has prepared it, and is not told when all that is prepared goes (<c>UnprepareAll</c>): the name
/// may be another statement's then. So none is used again that was prepared before a handler had the connection, or may have it still. COMMIT is not
/// among them: a command keeps the type that an earlier reply has given it, and that is what tells whether a commit was done.
/// </remarks>
sealed class ChainCommands
{
    public NpgsqlBatchCommand Guard => field ??= new(Sql.CommitGuard);

    /// <summary>The last take; null before the first.</summary>
    public NpgsqlBatchCommand? Take { get; set; }
}
