using System.Collections.Concurrent;
using Npgsql;

namespace Tpq.Internal;

/// <summary>Whether a client's own statements are prepared: parsed and planned once for each connection.</summary>
/// <remarks>
/// <para>Not at first: preparing costs a round trip, which a command that puts one message never earns back. And only on connections of tpq's own:
/// in a caller's transaction an error while preparing would cost the caller.</para>
/// <para>A pooler that gives every transaction another session (PgBouncer in transaction mode) may not have what was prepared in the last one. It
/// shows by the number of the server's process, which is not the one that was said when the connection was made; then nothing is prepared.</para>
/// </remarks>
sealed class Statements(TimeProvider time)
{
    /// <summary>So many batches are sent as they are.</summary>
    const int FreeUses = 4;

    /// <summary>A take is slow for many reasons, a busy machine above all, and to plan it each time would make it slower still.</summary>
    static readonly TimeSpan ReplanInterval = TimeSpan.FromMinutes(1);

    const int MostRemembered = 1000;

    /// <summary>When which statement of which session was planned anew.</summary>
    readonly ConcurrentDictionary<(int Process, string Sql), long> _replanned = new();

    int _uses;
    volatile bool _isDirect;
    volatile bool _isPooled;

    /// <summary>Costs a round trip at the first time for a connection, and none after that.</summary>
    public async ValueTask PrepareAsync(NpgsqlBatch batch, CancellationToken cancellationToken)
    {
        if (_isDirect || await IsToBePreparedAsync(batch.Connection!, cancellationToken).ConfigureAwait(false))
            await batch.PrepareAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Has the server plan a statement anew: a plan made for an empty table may be a bad one for a full one.</summary>
    public async ValueTask ReplanAsync(NpgsqlBatch batch)
    {
        if (!_isDirect || !IsReplanDue(batch.Connection!.ProcessID, batch.BatchCommands[0].CommandText))
            return;
        NpgsqlCommand command = batch.Connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = batch.BatchCommands[0].CommandText;
        foreach (NpgsqlParameter parameter in batch.BatchCommands[0].Parameters)
            command.Parameters.Add(parameter.Clone());
        await command.PrepareAsync(CancellationToken.None).ConfigureAwait(false);
        await command.UnprepareAsync(CancellationToken.None).ConfigureAwait(false);
    }

    bool IsReplanDue(int process, string sql)
    {
        if (_replanned.TryGetValue((process, sql), out long last) && time.GetElapsedTime(last) < ReplanInterval)
            return false;
        if (_replanned.Count >= MostRemembered)
            _replanned.Clear();
        _replanned[(process, sql)] = time.GetTimestamp();
        return true;
    }

    async ValueTask<bool> IsToBePreparedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (_isPooled || Interlocked.Increment(ref _uses) <= FreeUses)
            return false;
        if (await ProcessAsync(connection, cancellationToken).ConfigureAwait(false) == connection.ProcessID)
            _isDirect = true;
        else
            _isPooled = true;
        return _isDirect;
    }

    /// <summary>The server process that executes what this connection sends, at this moment.</summary>
    public static async Task<int> ProcessAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        NpgsqlCommand command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = Sql.Process;
        return (int)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }
}
