using System.Collections;
using Npgsql;
using Tpq.Internal;

namespace Tpq;

/// <summary>
/// Messages that were leased together, in the order of their ids. Never empty. Each can be settled by itself; what is completed here are those that have not been.
/// </summary>
public sealed class TpqLeaseBatch : IReadOnlyList<TpqLease>, IAsyncDisposable
{
    readonly Leases _leases;
    readonly TpqLease[] _all;

    internal TpqLeaseBatch(Leases leases, IEnumerable<LeaseHold> holds)
    {
        _leases = leases;
        _all = [.. holds.Select(hold => new TpqLease(leases, hold))];
    }

    /// <summary>How many leases there are, at least one, the settled ones included.</summary>
    public int Count => _all.Length;

    /// <summary>The lease at a place, counted from 0.</summary>
    public TpqLease this[int index] => _all[index];

    /// <summary>Removes all messages that are not settled yet, in one transaction of its own.</summary>
    /// <param name="cancellationToken">Looked at before anything is sent, never after. There is no timeout.</param>
    /// <exception cref="TpqLeaseLostException">One of the leases was lost, which the exception names. Nothing is removed: the others can be completed one by one.</exception>
    /// <exception cref="InvalidOperationException">All were settled already.</exception>
    /// <exception cref="NpgsqlException">The server reported an error, or the connection broke. The leases are as they were.</exception>
    public Task CompleteAsync(CancellationToken cancellationToken = default) => _leases.CompleteAsync(Unsettled(), cancellationToken);

    /// <summary>Removes all messages that are not settled yet in the caller's transaction, as <see cref="TpqLease.CompleteAsync(NpgsqlTransaction, CancellationToken)"/> does for one.</summary>
    /// <param name="transaction">An open transaction on the queue's database, READ COMMITTED.</param>
    /// <param name="cancellationToken">Cancels the statement, which fails the transaction.</param>
    /// <exception cref="TpqLeaseLostException">One of the leases was lost. <b>The transaction must not be committed</b>: roll it back.</exception>
    /// <exception cref="InvalidOperationException">All were settled already; or the transaction has ended, or is REPEATABLE READ or above.</exception>
    /// <exception cref="PostgresException">The server reported an error; the transaction has failed.</exception>
    public Task CompleteAsync(NpgsqlTransaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return _leases.CompleteAsync(Unsettled(), transaction, cancellationToken);
    }

    /// <summary>Gives back all messages that were not settled or lost, at once, uncounted. Never throws.</summary>
    public async ValueTask DisposeAsync() => await _leases.ReleaseAsync(Unsettled()).ConfigureAwait(false);

    /// <inheritdoc/>
    public IEnumerator<TpqLease> GetEnumerator() => ((IEnumerable<TpqLease>)_all).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    LeaseHold[] Unsettled() => [.. _all.Select(static l => l.Hold).Where(static h => !h.IsSettled)];
}
