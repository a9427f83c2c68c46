using System.Data;
using System.Data.Common;
using System.Transactions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;

namespace Tpq.Internal;

/// <summary>Puts a context's pending messages in the very transaction of its SaveChanges.</summary>
/// <remarks>
/// <para>Where they are written depends on whose transaction it is:</para>
/// <para>SaveChanges' own: right before its COMMIT, inside of the execution strategy. A retry has another transaction, and writes them again.</para>
/// <para>The caller's: right behind the savepoint that EF Core sets for the save, to which it rolls back when the save fails.</para>
/// <para>
/// A TransactionScope's: before the save. EF Core sets no savepoint there, so what a failed save had sent stands, its entities as our messages; the
/// same messages are not written into the same scope again.
/// </para>
/// <para>A save that sends no statement reaches none of these; then they are written behind it, in the caller's transaction or one of their own.</para>
/// </remarks>
sealed partial class PutOnSaveInterceptor(PendingPuts pending) : ISaveChangesInterceptor, IDbTransactionInterceptor, IDbCommandInterceptor
{
    const string Savepoint = "tpq_put_on_save";

    /// <summary>The transaction in which the save under way runs its statements; another interceptor may commit one of its own meanwhile.</summary>
    Guid? _savesIn;

    public async ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        DbContext context = eventData.Context!;
        Begin(context);
        if (!pending.AreWritten && ScopeOf(context) is { } scope)
            await WriteInScopeAsync(context, scope, cancellationToken).ConfigureAwait(false);
        return result;
    }

    public ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(ReaderExecuting(command, eventData, result));

    public async Task CreatedSavepointAsync(DbTransaction transaction, TransactionEventData eventData, CancellationToken cancellationToken = default)
    {
        if (pending.IsSaving && !pending.AreWritten)
            await WriteGuardedAsync(transaction, eventData.TransactionId, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<InterceptionResult> TransactionCommittingAsync(
        DbTransaction transaction, TransactionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
    {
        if (CommitsSave(eventData))
            await pending.WriteAsync(eventData.TransactionId, transaction.Connection, cancellationToken).ConfigureAwait(false);
        return result;
    }

    public async ValueTask<int> SavedChangesAsync(SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        DbContext context = eventData.Context!;
        if (!pending.AreWritten && !IsSuppressed(context))
            await WriteAloneAsync(context, cancellationToken).ConfigureAwait(false);
        End(context);
        return result;
    }

    public Task SaveChangesCanceledAsync(DbContextEventData eventData, CancellationToken cancellationToken = default)
    {
        pending.IsSaving = false;
        return Task.CompletedTask;
    }

    void Begin(DbContext context)
    {
        pending.Watch(context);
        pending.Enter(context.Database.CurrentTransaction?.TransactionId ?? (object?)ScopeOf(context));
        pending.IsSaving = true;
        _savesIn = null;
        if (!pending.IsEmpty)
            pending.Forced.Force(context.Database);
    }

    /// <summary>Whether another interceptor has kept the save from being made: one that was made, and accepts, leaves no changes.</summary>
    bool IsSuppressed(DbContext context) => pending.Accepts && context.ChangeTracker.HasChanges();

    bool CommitsSave(TransactionEventData eventData) => pending.IsSaving && eventData.TransactionId == _savesIn;

    void End(DbContext context)
    {
        pending.IsSaving = false;
        if (!pending.Accepts && context.Database.CurrentTransaction is { } current && current.TransactionId == _begun)
            pending.Keep();
        else
            pending.Remove(context.Database);
    }

    async Task WriteAloneAsync(DbContext context, CancellationToken cancellationToken)
    {
        if (context.Database.CurrentTransaction is { } callers)
            await WriteGuardedAsync(callers.GetDbTransaction(), callers.TransactionId, cancellationToken).ConfigureAwait(false);
        else if (ScopeOf(context) is { } scope)
            await WriteInScopeAsync(context, scope, cancellationToken).ConfigureAwait(false);
        else
            await context.Database.CreateExecutionStrategy().ExecuteAsync(token => WriteInOwnAsync(context, token), cancellationToken).ConfigureAwait(false);
    }

    async Task WriteInOwnAsync(DbContext context, CancellationToken cancellationToken)
    {
        IDbContextTransaction own = await context.Database.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = own.ConfigureAwait(false);
        await pending.WriteAsync(own.TransactionId, context.Database.GetDbConnection(), cancellationToken).ConfigureAwait(false);
        await own.CommitAsync(CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>All or, after an error, none, and the transaction is as it was.</summary>
    async Task WriteGuardedAsync(DbTransaction transaction, Guid id, CancellationToken cancellationToken)
    {
        await transaction.SaveAsync(Savepoint, cancellationToken).ConfigureAwait(false);
        try
        {
            await pending.WriteAsync(id, transaction.Connection, cancellationToken).ConfigureAwait(false);
            await transaction.ReleaseAsync(Savepoint, CancellationToken.None).ConfigureAwait(false);
        }
        catch when (transaction.Connection?.State == ConnectionState.Open)
        {
            await transaction.RollbackAsync(Savepoint, CancellationToken.None).ConfigureAwait(false);
            pending.Undone(id);
            throw;
        }
    }

    async Task WriteInScopeAsync(DbContext context, Transaction scope, CancellationToken cancellationToken)
    {
        await context.Database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await pending.WriteAsync(scope, context.Database.GetDbConnection(), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await context.Database.CloseConnectionAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The System.Transactions transaction of the context, where EF Core looks for it too.</summary>
    static Transaction? ScopeOf(DbContext context) => context.GetService<IDbContextTransactionManager>() is ITransactionEnlistmentManager manager
        ? manager.EnlistedTransaction ?? manager.CurrentAmbientTransaction
        : null;
}
