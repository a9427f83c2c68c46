using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Tpq.Internal;

/// <content>
/// The synchronous SaveChanges cannot put, and fails rather than to save without: at its start, or, for a message that an interceptor added meanwhile,
/// where the asynchronous one would write it.
/// </content>
sealed partial class PutOnSaveInterceptor
{
    public InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result)
    {
        Begin(eventData.Context!);
        Refuse();
        return result;
    }

    public InterceptionResult<DbDataReader> ReaderExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result)
    {
        if (eventData.CommandSource == CommandSource.SaveChanges)
            _savesIn = eventData.Context?.Database.CurrentTransaction?.TransactionId;
        return result;
    }

    public void CreatedSavepoint(DbTransaction transaction, TransactionEventData eventData)
    {
        if (pending.IsSaving)
            Refuse();
    }

    public InterceptionResult TransactionCommitting(DbTransaction transaction, TransactionEventData eventData, InterceptionResult result)
    {
        if (CommitsSave(eventData))
            Refuse();
        return result;
    }

    public int SavedChanges(SaveChangesCompletedEventData eventData, int result)
    {
        Refuse();
        End(eventData.Context!);
        return result;
    }

    public void SaveChangesCanceled(DbContextEventData eventData) => pending.IsSaving = false;

    void Refuse()
    {
        if (pending.AreWritten)
            return;
        pending.IsSaving = false;
        throw new InvalidOperationException(
            "The context has messages from PutOnSave, which only SaveChangesAsync puts: tpq has no synchronous calls. They are still pending.");
    }
}
