using System.Diagnostics;
using System.Runtime.CompilerServices;
using Npgsql;

namespace Tpq.Internal;

/// <summary>One take, as <see cref="Head"/> has planned it: its statements in a batch, and what their results mean.</summary>
/// <param name="queue">The queue.</param>
/// <param name="max">How many messages at most.</param>
/// <param name="scan">Where it scans.</param>
/// <param name="known">The ids to be tried first.</param>
/// <param name="takeIn">The transaction in which it runs.</param>
/// <param name="lease">For how long, and under which number, what it takes is leased; null where it is held.</param>
sealed class TakeStatement(QueueState queue, int max, Scan scan, long[] known, TakeIn takeIn, (TimeSpan Duration, Guid Number)? lease = null)
{
    /// <summary>The text of the taking statement, by which the driver knows it.</summary>
    public string Sql => lease is not null ? queue.Sql.Lease.For(max) : (max == 1, IsCareful) switch
    {
        (true, false) => queue.Sql.Take,
        (true, true) => queue.Sql.TakeCarefully,
        (false, false) => queue.Sql.TakeMany.For(max),
        (false, true) => queue.Sql.TakeManyCarefully.For(max),
    };

    long _addedAt;

    /// <summary>Whether it may meet what others have had in hand, and so looks for <see cref="Suspects"/>.</summary>
    bool IsCareful => known.Length > 0 || scan.IsBack || scan.IsFromFront;

    /// <summary>Just before the batch is sent.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="earlier">The command of an earlier take on this connection; used again where the statement is the same.</param>
    /// <returns>The taking command.</returns>
    public NpgsqlBatchCommand AddTo(NpgsqlBatch batch, NpgsqlBatchCommand? earlier = null)
    {
        _addedAt = Stopwatch.GetTimestamp();
        NpgsqlBatchCommand take = earlier is not null && TryReuse(earlier) ? earlier : Take();
        batch.BatchCommands.Add(take);
        if (known.Length > 0)
            batch.BatchCommands.Add(new NpgsqlBatchCommand(queue.Sql.StillThere) { Parameters = { Ids() } });
        if (takeIn != TakeIn.Own)
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Internal.Sql.TransactionNumber));
        return take;
    }

    /// <summary>Only the plain take of one, which has one parameter: it is the one that is made for every message.</summary>
    bool TryReuse(NpgsqlBatchCommand earlier)
    {
        if (Sql != queue.Sql.Take || earlier.CommandText != Sql)
            return false;
        ((NpgsqlParameter<long>)earlier.Parameters[0]).TypedValue = scan.After;
        return true;
    }

    NpgsqlBatchCommand Take()
    {
        var take = new NpgsqlBatchCommand(Sql);
        take.Parameters.Add(new NpgsqlParameter<long> { TypedValue = scan.After });
        if (max != 1 || lease is not null)
            take.Parameters.Add(new NpgsqlParameter<int> { TypedValue = max });
        if (IsCareful || lease is not null)
            take.Parameters.Add(Ids());
        if (lease is var (duration, number))
        {
            take.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = duration });
            take.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = number });
        }
        return take;
    }

    /// <summary>Reads the results, from the first on.</summary>
    /// <returns>The messages in the order of their ids.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<List<TpqMessage>> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        List<TpqMessage>? rows = null;
        var columns = new MessageColumns(reader);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            (rows ??= new List<TpqMessage>(Math.Min(max, queue.LastBatch))).Add(columns.Read(reader, queue.Name.Queue));
        List<TpqMessage> found = rows ?? [];
        if (max > 1 && found.Count > 0)
            queue.LastBatch = found.Count;
        if (!IsInOrder(found))
            found.Sort(static (a, b) => a.Id.CompareTo(b.Id));
        IReadOnlyCollection<long> gone = known.Length == 0 ? [] : await ReadGoneAsync(reader, cancellationToken).ConfigureAwait(false);
        ulong transaction = takeIn == TakeIn.Own ? 0 : await ReadTransactionAsync(reader, cancellationToken).ConfigureAwait(false);
        if (takeIn != TakeIn.CallersSnapshot)
            queue.Head.Forget(gone, transaction);
        if (takeIn != TakeIn.Own)
        {
            foreach (TpqMessage message in found)
                queue.Head.Remember(message.Id, transaction);
        }
        return found;
    }

    /// <summary>As a rule it is, for the plan is a walk of the primary key, and to see that costs less than to sort.</summary>
    static bool IsInOrder(List<TpqMessage> found)
    {
        for (int i = 1; i < found.Count; i++)
        {
            if (found[i - 1].Id > found[i].Id)
                return false;
        }
        return true;
    }

    /// <summary>Tells the head how the scan ended. It was not made if a known id was free.</summary>
    public void Report(List<TpqMessage> found)
    {
        if (found.Count > 0 && known.Contains(found[0].Id))
            queue.Head.Abandon(scan);
        else
            queue.Head.End(scan, found, max, Stopwatch.GetElapsedTime(_addedAt));
    }

    async Task<List<long>> ReadGoneAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        var gone = new List<long>(known);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            gone.Remove(reader.GetInt64(0));
        return gone;
    }

    static async Task<ulong> ReadTransactionAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        return reader.IsDBNull(0) ? 0 : ulong.Parse(reader.GetString(0), System.Globalization.CultureInfo.InvariantCulture);
    }

    NpgsqlParameter<string> Ids() => ArrayText.Of(known);
}
