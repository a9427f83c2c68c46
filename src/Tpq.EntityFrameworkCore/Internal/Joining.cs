using System.Data;
using Microsoft.EntityFrameworkCore;

namespace Tpq.Internal;

/// <summary>Whether a context can write in a delivery's transaction.</summary>
static class Joining
{
    /// <exception cref="InvalidOperationException">It cannot.</exception>
    public static void ThrowIfImpossible(DbContext context, TpqDelivery delivery)
    {
        if (Obstacle(context, delivery) is { } obstacle)
            throw new InvalidOperationException($"The context cannot join the delivery: {obstacle}");
    }

    static string? Obstacle(DbContext context, TpqDelivery delivery)
    {
        if (delivery.HasEnded)
            return "it was committed or given back already.";
        // A context that goes back to its pool keeps a connection that it does not own. A lease is 0 where there is no pool.
        if (context.ContextId.Lease != 0)
            return "it comes from a pool, which would hand the delivery's connection on. Make one with new, or register it with AddDbContext.";
        if (context.Database.CurrentTransaction is not null)
            return "it has a transaction. Make a context for each message.";
        if (System.Transactions.Transaction.Current is not null)
            return "there is a TransactionScope around the call, which would own the commit too.";
        if (context.Database.CreateExecutionStrategy().RetriesOnFailure)
            return "it retries on failure (EnableRetryOnFailure), and EF Core then refuses transactions that it cannot run again. "
                + "Make it from options without retries: a message whose handler fails comes again.";
        return IsOpen(context) ? "its connection is open. Make a context for each message." : null;
    }

    static bool IsOpen(DbContext context) => context.Database.GetDbConnection().State != ConnectionState.Closed;
}
