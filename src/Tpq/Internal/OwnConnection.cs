using System.Runtime.CompilerServices;
using Npgsql;

namespace Tpq.Internal;

/// <summary>A connection for transactions of tpq's own, one after the other. Disposed it is kept for the next one, or closed.</summary>
sealed class OwnConnection(TpqClient client, NpgsqlConnection connection) : IAsyncDisposable
{
    /// <summary>Whether the last transaction has ended as it should: after an error the session may still be in it.</summary>
    public bool IsClean { get; set; } = true;

    /// <summary>Whether a handler has had it, who may have left something in its session, or have it still.</summary>
    public bool WasLent { get; set; }

    public NpgsqlConnection Connection => connection;

    /// <summary>When it came out of the pool, by the client's clock.</summary>
    public long OpenedAt { get; } = client.Time.GetTimestamp();

    /// <summary>Runs statements in one transaction, in one round trip, and returns the first value, a bigint, of each row.</summary>
    /// <param name="statements">
    /// What to run, in this order, and how many rows each returns. Where one returns another number its values are 0, for whose they are is not known.
    /// </param>
    /// <param name="cancellationToken">Looked at before they are sent, never after.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<long[]> RunAsync((NpgsqlBatchCommand Statement, int Rows)[] statements, CancellationToken cancellationToken)
    {
        IsClean = false;
        NpgsqlBatch batch = connection.CreateBatch();
        await using var _ = batch.ConfigureAwait(false);
        batch.Timeout = 0;
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.Begin));
        foreach ((NpgsqlBatchCommand Statement, int Rows) each in statements)
            batch.BatchCommands.Add(each.Statement);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.CommitGuard));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.Commit));
        using var watch = new CommitWatch(connection);
        await client.Statements.PrepareAsync(batch, cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        long[] results = await FirstValuesAsync(batch, statements).ConfigureAwait(false);
        watch.ThrowIfOutcomeUnknown();
        IsClean = true;
        return results;
    }

    public ValueTask DisposeAsync() => IsClean && !WasLent && client.OwnConnections.TryKeep(this) ? ValueTask.CompletedTask : CloseAsync();

    /// <summary>Gives it back to the pool.</summary>
    public ValueTask CloseAsync() => connection.DisposeAsync();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    static async ValueTask<long[]> FirstValuesAsync(NpgsqlBatch batch, (NpgsqlBatchCommand Statement, int Rows)[] statements)
    {
        long[] values = new long[statements.Sum(static s => s.Rows)];
        int first = 0;
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync(CancellationToken.None).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            foreach ((_, int rows) in statements)
            {
                int count = 0;
                for (; await reader.ReadAsync(CancellationToken.None).ConfigureAwait(false); count++)
                {
                    if (count < rows)
                        values[first + count] = reader.IsDBNull(0) ? 0 : reader.GetInt64(0);
                }
                if (count != rows)
                    Array.Clear(values, first, rows);
                first += rows;
                // An error at COMMIT, of a deferred constraint say, shows only behind the last one.
                await reader.NextResultAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
        return values;
    }
}
