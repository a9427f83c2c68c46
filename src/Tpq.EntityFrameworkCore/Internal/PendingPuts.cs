using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace Tpq.Internal;

/// <summary>The messages that a context's next save puts, and how many of them stand already in a transaction that is still open.</summary>
/// <remarks>One for each context; a pooled one forgets it when it goes back to its pool.</remarks>
sealed class PendingPuts : IResettableService
{
    readonly List<(TpqQueue Queue, CheckedPut Put)> _puts = [];
    object? _transaction;
    int _written;
    int _saved;
    bool _isWatching;

    public bool IsEmpty => _puts.Count == 0;

    public bool AreWritten => _written == _puts.Count;

    /// <summary>Whether a SaveChanges is under way.</summary>
    public bool IsSaving { get; set; }

    /// <summary>Whether that one accepts what it has saved. Entities that are not accepted are saved again, and so are messages.</summary>
    public bool Accepts { get; private set; } = true;

    /// <summary>What forces a transaction upon saves as long as there are messages.</summary>
    public ForcedTransaction Forced { get; } = new();

    public void Add(DbContext context, TpqQueue queue, CheckedPut put)
    {
        _puts.Add((queue, put));
        Forced.Force(context.Database);
        Watch(context);
    }

    public void Watch(DbContext context)
    {
        if (_isWatching)
            return;
        _isWatching = true;
        // What interceptors are not told: whether a save accepts, and that it failed on a concurrency conflict.
        context.SavingChanges += (_, save) => Accepts = save.AcceptAllChangesOnSuccess;
        context.SaveChangesFailed += (_, _) => IsSaving = false;
    }

    /// <summary>Whether there are some that were written in this transaction.</summary>
    public bool IsIn(object transaction) => _written > 0 && Equals(transaction, _transaction);

    /// <summary>Forgets what was written in another transaction, which has ended, and did not commit.</summary>
    public void Enter(object? transaction)
    {
        if (!Equals(transaction, _transaction))
            (_transaction, _written, _saved) = (transaction, 0, 0);
    }

    /// <summary>Puts those that are not in this transaction yet.</summary>
    public async Task WriteAsync(object transaction, DbConnection? connection, CancellationToken cancellationToken)
    {
        Enter(transaction);
        for (; _written < _puts.Count; _written++)
        {
            (TpqQueue queue, CheckedPut put) = _puts[_written];
            await queue.PutCheckedAsync(SameDatabase.Checked(queue, connection), put, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>After a rollback to a savepoint: that of the save under way, or one of the caller's, which may stand before all saves.</summary>
    public void Undone(object transaction)
    {
        if (Equals(transaction, _transaction))
            _written = _saved = IsSaving ? _saved : 0;
    }

    /// <summary>A save has succeeded whose transaction may have to be run again.</summary>
    public void Keep() => _saved = _written;

    /// <summary>What was written has committed, or is the transaction's own affair.</summary>
    public void Remove(DatabaseFacade database)
    {
        _puts.RemoveRange(0, _written);
        Enter(null);
        if (IsEmpty)
            Forced.Release(database);
    }

    /// <summary>None of them is put any more. Those that stand in a transaction that is still open stay there.</summary>
    public void Discard(DatabaseFacade database)
    {
        _puts.Clear();
        Enter(null);
        Forced.Release(database);
    }

    public void ResetState()
    {
        _puts.Clear();
        Enter(null);
        // The pool gives the context the settings and the event handlers back that it had when it was made.
        Forced.Forget();
        _isWatching = IsSaving = false;
        Accepts = true;
    }

    public Task ResetStateAsync(CancellationToken cancellationToken = default)
    {
        ResetState();
        return Task.CompletedTask;
    }
}
