using System.Runtime.CompilerServices;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// The take of the next message, or of the next batch of them, sent together with the commit of the one before, on the same connection: a sequential
/// consumer then has one round trip for each. What it has found is kept until the next is asked for. Where the take is to be more than a plain scan it is
/// not sent with the commit, but made when the next is asked for, on the same connection.
/// </summary>
/// <remarks>
/// <para>The server does one after the other, skips the rest when one fails, and answers all at once. To send the commit's reply ahead would wake
/// both sides once more for every message; so it waits, should the take have to wait for a lock on the whole table. What fails behind the commit
/// is not the commit's fault: the driver has given a command its type when it has read its reply.</para>
/// <para>Where handlers write, the savepoint is set along with the take: ahead of the next handler's first statement it would have a reply of its
/// own. The transaction object is the same as before: the driver never learns that there are two transactions.</para>
/// </remarks>
sealed class PendingTake(OwnTransaction previous, QueueState queue, int max, Scan? along) : IAsyncDisposable
{
    List<TpqMessage> _found = [];
    bool _ended;

    /// <summary>Whether it is sent with the commit.</summary>
    public bool IsAlong => along is not null;

    /// <summary>Whether it was made and has found that there is nothing.</summary>
    public bool WasEmpty { get; private set; }

    /// <summary>Sends a batch that ends in <see cref="Sql.CommitAndChain"/>, together with the take.</summary>
    /// <exception cref="Exception">The commit failed, or its outcome is unknown. Where the take fails, the next look will tell.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask SendAfterCommitAsync(NpgsqlBatch batch, Statements statements)
    {
        var statement = new TakeStatement(queue, max, along!.Value, [], TakeIn.Own);
        NpgsqlBatchCommand commit = batch.BatchCommands[^1];
        previous.Chain.Take = statement.AddTo(batch, previous.Chain.Take);
        if (previous.IsLent)
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.SaveForHandler));
        await using var _ = batch.ConfigureAwait(false);
        try
        {
            await statements.PrepareAsync(batch, CancellationToken.None).ConfigureAwait(false);
            List<TpqMessage> found;
            NpgsqlDataReader reader = await batch.ExecuteReaderAsync(CancellationToken.None).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
                found = await statement.ReadAsync(reader, CancellationToken.None).ConfigureAwait(false);
            statement.Report(found);
            if (found.Count > 0)
                Take.PassOn(queue);
            _found = found;
            WasEmpty = found.Count == 0 && queue.Head.IsWhole(along.Value);
        }
        catch (Exception e)
        {
            queue.Head.Fail(along.Value, e);
            // The other look has the same trouble, be it the connection's or that of a row that cannot be read, and deals with it.
            if (commit.StatementType == StatementType.Unknown)
                throw;
        }
    }

    /// <summary>The commit has failed, be it before anything was sent. To say it twice does no harm.</summary>
    public void Abandon()
    {
        if (along is { } scan)
            queue.Head.Abandon(scan);
    }

    /// <summary>The take's outcome.</summary>
    /// <param name="cancellationToken">Cancels one that was not sent along.</param>
    /// <returns>What is in hand; null if there was none. Then the connection is given back, and another look is needed.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<(OwnTransaction Held, List<TpqMessage> Messages)?> EndAsync(CancellationToken cancellationToken)
    {
        if (_ended)
            return null;
        _ended = true;
        if (!IsAlong)
            return await MakeAsync(cancellationToken).ConfigureAwait(false);
        OwnTransaction held = previous.Continue(queue, _found);
        if (_found.Count > 0)
            return (held, _found);
        await held.DisposeAsync().ConfigureAwait(false);
        return null;
    }

    /// <summary>Gives back what was taken, if nobody has asked for it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!IsAlong && !_ended)
        {
            _ended = true;
            await previous.ReleaseAsync().ConfigureAwait(false);
        }
        else if (await EndAsync(CancellationToken.None).ConfigureAwait(false) is var (held, _))
        {
            await held.DisposeAsync().ConfigureAwait(false);
        }
    }

    async Task<(OwnTransaction Held, List<TpqMessage> Messages)?> MakeAsync(CancellationToken cancellationToken)
    {
        OwnTransaction? held = null;
        List<TpqMessage> found = [];
        using var awake = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, previous.Client.Stopping);
        try
        {
            held = await previous.BeginNextAsync(awake.Token).ConfigureAwait(false);
            found = await held.TakeAsync(queue, max, toTheEnd: false, awake.Token).ConfigureAwait(false);
            WasEmpty = found.Count == 0;
        }
        catch (Exception)
        {
            // The other look has the same trouble, or the same end.
        }
        finally
        {
            if (held is not null && found.Count == 0)
                await held.DisposeAsync().ConfigureAwait(false);
        }
        return found.Count > 0 ? (held!, found) : null;
    }
}
