using System.Data;
using System.Runtime.CompilerServices;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// Connections for transactions of tpq's own. One of them is kept for a moment after its last use, so that what comes soon, the next put of a
/// producer or the next get of a loop above all, finds it warm.
/// </summary>
/// <remarks>
/// <para>A pool hands out its idle connections in turn. With many of them each is one whose server process has slept for long, and whose session is
/// reset first, unless Npgsql is told not to: a lone producer then makes half to two thirds of the puts that it makes on one connection.</para>
/// <para>One that a handler has had in hand is never kept: what it has left in the session is the pool's to reset. Only its consumer goes on with it, to the next message.</para>
/// <para>Who waits for a connection of the pool does so a moment longer: one that is kept goes back when nobody has used it for two looks at most, and
/// when it has been out for <see cref="MostTime"/> however much it is used; that holds for a consumer's too. A small pool has none to spare.</para>
/// </remarks>
sealed class OwnConnections(TpqClient client) : IAsyncDisposable
{
    static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(10);

    static readonly TimeSpan MostTime = TimeSpan.FromSeconds(1);

    const int LeastPoolSize = 10;

    readonly Lock _lock = new();

    OwnConnection? _kept;
    bool _wasUsed;

    /// <summary>Made once; it runs while <see cref="_isLooking"/>.</summary>
    ITimer? _look;

    bool _isLooking;
    bool _isDisposed;

    /// <summary>The one that is kept, or one of the pool.</summary>
    public ValueTask<OwnConnection> OpenAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_kept is { Connection.State: ConnectionState.Open } kept)
            {
                _kept = null;
                return ValueTask.FromResult(kept);
            }
        }
        return OpenOfPoolAsync(cancellationToken);
    }

    /// <summary>Runs a statement in a transaction of its own, in one round trip, and returns the first value, a bigint, of its only row, or 0 where it has none.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<long> RunAsync(NpgsqlBatchCommand statement, CancellationToken cancellationToken)
    {
        OwnConnection connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        return (await connection.RunAsync([(statement, 1)], cancellationToken).ConfigureAwait(false))[0];
    }

    /// <summary>Whether it is kept; else it has to be closed.</summary>
    public bool TryKeep(OwnConnection connection)
    {
        if (!HasPoolToSpare || IsOld(connection))
            return false;
        lock (_lock)
        {
            if (_isDisposed || _kept is not null)
                return false;
            _kept = connection;
            _wasUsed = true;
            if (!_isLooking)
                LookLater();
            return true;
        }
    }

    /// <summary>Whether a consumer may go on with its connection, with the next transaction on it.</summary>
    public bool MayGoOn(OwnConnection connection) => !IsOld(connection);

    /// <summary>As <see cref="MayGoOn"/>, without a transaction on it: it could be another's meanwhile.</summary>
    public bool MayPause(OwnConnection connection) => !IsOld(connection) && HasPoolToSpare && !client.HasTooManyConsumers;

    /// <summary>Gives back the one that is kept, and keeps none from now on. One in use is closed by who uses it.</summary>
    public async ValueTask DisposeAsync()
    {
        OwnConnection? kept;
        lock (_lock)
        {
            _isDisposed = true;
            (kept, _kept) = (_kept, null);
            _look?.Dispose();
        }
        if (kept is not null)
            await kept.CloseAsync().ConfigureAwait(false);
    }

    bool HasPoolToSpare => client.MaxPoolSize >= LeastPoolSize;

    bool IsOld(OwnConnection connection) => client.Time.GetElapsedTime(connection.OpenedAt) > MostTime;

    async ValueTask<OwnConnection> OpenOfPoolAsync(CancellationToken cancellationToken) =>
        new(client, await client.OpenOwnAsync(cancellationToken).ConfigureAwait(false));

    void LookLater()
    {
        _isLooking = true;
        _look ??= client.Time.CreateTimer(static own => ((OwnConnections)own!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _look.Change(LookInterval, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Gives back what was not used since the last look.</summary>
    void Look()
    {
        OwnConnection? unused = null;
        lock (_lock)
        {
            if (_isDisposed)
                return;
            if (!_wasUsed)
                (unused, _kept) = (_kept, null);
            _isLooking = _wasUsed;
            _wasUsed = false;
            if (_isLooking)
                LookLater();
        }
        // Whether closing it fails is nobody's business any more.
        if (unused is not null)
            _ = unused.CloseAsync().AsTask();
    }
}
