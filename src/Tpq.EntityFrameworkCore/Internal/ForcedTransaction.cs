using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace Tpq.Internal;

/// <summary>
/// Makes every save of a context one that can be undone: EF Core begins no transaction for a single statement, and sets its savepoint in a
/// caller's transaction unless it was told not to.
/// </summary>
sealed class ForcedTransaction
{
    AutoTransactionBehavior? _behavior;
    bool _wantedNoSavepoints;

    public void Force(DatabaseFacade database)
    {
        Release(database);
        // In a caller's transaction there is none to begin, and another value than Never would ask a retrying strategy, which refuses it.
        if (database.CurrentTransaction is null)
        {
            _behavior = database.AutoTransactionBehavior;
            database.AutoTransactionBehavior = AutoTransactionBehavior.Always;
        }
        _wantedNoSavepoints = !database.AutoSavepointsEnabled;
        database.AutoSavepointsEnabled = true;
    }

    /// <summary>Gives the context its own settings back, but for one that it has set itself meanwhile.</summary>
    public void Release(DatabaseFacade database)
    {
        if (_behavior is { } behavior && database.AutoTransactionBehavior == AutoTransactionBehavior.Always)
            database.AutoTransactionBehavior = behavior;
        if (_wantedNoSavepoints)
            database.AutoSavepointsEnabled = false;
        Forget();
    }

    public void Forget() => (_behavior, _wantedNoSavepoints) = (null, false);
}
