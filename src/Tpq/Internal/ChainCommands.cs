using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// The driver's commands that a chain of transactions on one connection (see <see cref="PendingTake"/>) sends for each message, used again from one to
/// the next: most of what a message allocates is commands and their parameters.
/// </summary>
/// <remarks>
/// A command remembers under which name the session has prepared it, and is not told when all that is prepared goes (<c>UnprepareAll</c>): the name
/// may be another statement's then. So they go where a handler has had the connection. COMMIT is not among them: a command keeps the type that an
/// earlier reply has given it, and that is what tells whether a commit was done.
/// </remarks>
sealed class ChainCommands
{
    public NpgsqlBatchCommand Guard => field ??= new(Sql.CommitGuard);

    public NpgsqlBatchCommand Save => field ??= new(Sql.SaveForHandler);

    /// <summary>The last take; null before the first.</summary>
    public NpgsqlBatchCommand? Take { get; set; }
}
