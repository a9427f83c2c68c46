using System.Transactions;
using Npgsql;

namespace Tpq.Internal;

static class Connections
{
    /// <summary>Opens a connection that takes no part in a TransactionScope around the call.</summary>
    public static async Task<NpgsqlConnection> OpenOwnAsync(this NpgsqlDataSource dataSource, CancellationToken cancellationToken)
    {
        if (Transaction.Current is null)
            return await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        using var suppressed = new TransactionScope(TransactionScopeOption.Suppress, TransactionScopeAsyncFlowOption.Enabled);
        return await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether it was committed, rolled back or disposed. The driver keeps that to itself, but for a property that throws.</summary>
    public static bool HasCompleted(this NpgsqlTransaction transaction)
    {
        try
        {
            _ = transaction.IsolationLevel;
            return false;
        }
        catch (InvalidOperationException)
        {
            return true;
        }
    }
}
