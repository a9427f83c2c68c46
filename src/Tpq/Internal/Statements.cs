using Npgsql;

namespace Tpq.Internal;

/// <summary>Whether a client's own statements are prepared: parsed and planned once for each connection.</summary>
/// <remarks>
/// <para>Not at first: preparing costs a round trip, which a command that puts one message never earns back. And only on connections of tpq's own:
/// in a caller's transaction an error while preparing would cost the caller.</para>
/// <para>A pooler that gives every transaction another session (PgBouncer in transaction mode) may not have what was prepared in the last one. It
/// shows by the number of the server's process, which is not the one that was said when the connection was made; then nothing is prepared.</para>
/// </remarks>
sealed class Statements
{
    /// <summary>So many batches are sent as they are.</summary>
    const int FreeUses = 4;

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
        if (!_isDirect)
            return;
        NpgsqlCommand command = batch.Connection!.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = batch.BatchCommands[0].CommandText;
        foreach (NpgsqlParameter parameter in batch.BatchCommands[0].Parameters)
            command.Parameters.Add(parameter.Clone());
        await command.PrepareAsync(CancellationToken.None).ConfigureAwait(false);
        await command.UnprepareAsync(CancellationToken.None).ConfigureAwait(false);
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
