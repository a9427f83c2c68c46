using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Tpq.Internal;

/// <content>What becomes of a transaction in which messages stand. Only of one that the context began it is told.</content>
sealed partial class PutOnSaveInterceptor
{
    /// <summary>The last transaction that this context began.</summary>
    Guid? _begun;

    public DbTransaction TransactionStarted(DbConnection connection, TransactionEndEventData eventData, DbTransaction result)
    {
        _begun = eventData.TransactionId;
        return result;
    }

    public ValueTask<DbTransaction> TransactionStartedAsync(
        DbConnection connection, TransactionEndEventData eventData, DbTransaction result, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(TransactionStarted(connection, eventData, result));

    public void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData)
    {
        if (pending.IsIn(eventData.TransactionId))
            pending.Remove(eventData.Context!.Database);
    }

    public Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        TransactionCommitted(transaction, eventData);
        return Task.CompletedTask;
    }

    public void RolledBackToSavepoint(DbTransaction transaction, TransactionEventData eventData) => pending.Undone(eventData.TransactionId);

    public Task RolledBackToSavepointAsync(DbTransaction transaction, TransactionEventData eventData, CancellationToken cancellationToken = default)
    {
        RolledBackToSavepoint(transaction, eventData);
        return Task.CompletedTask;
    }
}
