using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// The driver's commands that a chain of transactions on one connection (see <see cref="PendingTake"/>) sends for each message. They are made once: most
/// of what a message allocates is commands and their parameters.
/// </summary>
/// <remarks>
/// For one connection only, since a command remembers the session that has prepared it. COMMIT is not among them: a command keeps the type that
/// an earlier reply has given it, and that is what tells whether a commit was done.
/// </remarks>
sealed class ChainCommands
{
    public NpgsqlBatchCommand Guard => field ??= new(Sql.CommitGuard);

    public NpgsqlBatchCommand Begin => field ??= new(Sql.Begin);

    public NpgsqlBatchCommand Save => field ??= new(Sql.SaveForHandler);

    /// <summary>The last take; null before the first.</summary>
    public NpgsqlBatchCommand? Take { get; set; }
}
