using System.Runtime.CompilerServices;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// The take of the next message, sent in one batch with the commit of the one before, on the same connection: a sequential consumer then has
/// one round trip for each message. The commit is waited for, the take's reply is left to be read when the next message is asked for.
/// </summary>
/// <remarks>
/// The batch has a barrier (the protocol's Sync) behind the commit, so the server sends the commit's reply at once, whatever the take has to wait
/// for. SELECT 1 is there for the driver, whose reader stops at the first result that has rows; before BEGIN, since a take must be skipped where its BEGIN has
/// failed: it would be committed by itself. The transaction object is the same as before: the
/// driver never learns that there are two transactions.
/// </remarks>
sealed class PendingTake(OwnTransaction previous, QueueState queue) : IAsyncDisposable
{
    readonly Scan _scan = queue.Head.Begin();
    NpgsqlBatch? _batch;
    NpgsqlDataReader? _reader;
    TakeStatement? _statement;
    bool _ended;

    /// <summary>Whether it was made and has found nothing.</summary>
    public bool WasEmpty { get; private set; }

    /// <summary>Sends a batch that ends in a commit, together with the take, and returns when the commit has been answered.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask SendAfterCommitAsync(NpgsqlBatch batch, Statements statements)
    {
        _batch = batch;
        _statement = new TakeStatement(queue, 1, _scan, [], TakeIn.Own);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.Nothing) { AppendErrorBarrier = true });
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.Begin));
        _statement.AddTo(batch);
        try
        {
            await statements.PrepareAsync(batch, CancellationToken.None).ConfigureAwait(false);
            _reader = await batch.ExecuteReaderAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            await FailAsync(e).ConfigureAwait(false);
            // Behind the barrier the take fails too; the commit's error is the first.
            if (e.InnerException is AggregateException { InnerExceptions: [PostgresException first, ..] })
                throw first;
            throw;
        }
    }

    /// <summary>The take's outcome.</summary>
    /// <returns>The message in hand; null if there was none. Then the connection is given back, and another look is needed.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<(OwnTransaction Held, TpqMessage Message)?> EndAsync()
    {
        if (_ended)
            return null;
        _ended = true;
        List<TpqMessage> found = [];
        try
        {
            await _reader!.NextResultAsync(CancellationToken.None).ConfigureAwait(false);
            found = await _statement!.ReadAsync(_reader, CancellationToken.None).ConfigureAwait(false);
            await _reader.DisposeAsync().ConfigureAwait(false);
            await _batch!.DisposeAsync().ConfigureAwait(false);
            _statement.Report(found);
            WasEmpty = found.Count == 0;
        }
        catch (Exception e)
        {
            // The other look has the same trouble, be it the connection's or that of a row that cannot be read, and deals with it.
            found = [];
            await FailAsync(e).ConfigureAwait(false);
        }
        OwnTransaction held = previous.Continue(queue, found);
        if (found.Count > 0)
            return (held, found[0]);
        await held.DisposeAsync().ConfigureAwait(false);
        return null;
    }

    /// <summary>Gives back what was taken, if nobody has asked for it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (await EndAsync().ConfigureAwait(false) is var (held, _))
            await held.DisposeAsync().ConfigureAwait(false);
    }

    async Task FailAsync(Exception error)
    {
        queue.Head.Fail(_scan, error);
        try
        {
            if (_reader is not null)
                await _reader.DisposeAsync().ConfigureAwait(false);
            await _batch!.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Said already.
        }
    }
}
