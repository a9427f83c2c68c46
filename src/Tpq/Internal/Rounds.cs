using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// The looks by the clock, of all the queues of a client in which somebody sleeps: they are due at the same moments, and one batch on one connection
/// asks for all of them whether a message is there. Only where one is does a take follow.
/// </summary>
/// <remarks>
/// What a process costs that only waits is its waking up. Looks of a hundred queues that are spread over ten seconds, each a take and a rollback,
/// kept 4 % of a core busy, most of it in threads that woke and found nothing to do; looks at the same moment opened a connection each.
/// </remarks>
sealed class Rounds(TpqClient client)
{
    /// <summary>Bounds how long the first one waits for the last one.</summary>
    const int MostQueues = 100;

    /// <summary>Who has no answer by then looks himself. It is short, for a ring is not acted upon meanwhile.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    readonly long _start = client.Time.GetTimestamp();
    readonly Lock _gate = new();
    readonly Dictionary<QueueState, TaskCompletionSource<bool>> _asked = [];
    bool _isUnderWay;

    public TimeSpan UntilNext(TimeSpan interval) => interval - TimeSpan.FromTicks(client.Time.GetElapsedTime(_start).Ticks % interval.Ticks);

    /// <summary>Whether a take may find something; it may also find that what is there is in hand, or that there is no such queue.</summary>
    public async Task<bool> MayHaveAsync(QueueState queue, CancellationToken cancellationToken)
    {
        try
        {
            return await Ask(queue).WaitAsync(Patience, client.Time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return true;
        }
    }

    Task<bool> Ask(QueueState queue)
    {
        lock (_gate)
        {
            if (!_asked.TryGetValue(queue, out TaskCompletionSource<bool>? answer))
                _asked.Add(queue, answer = new(TaskCreationOptions.RunContinuationsAsynchronously));
            if (!_isUnderWay)
            {
                _isUnderWay = true;
                // In nobody's flow: it answers those that come meanwhile as well.
                ThreadPool.UnsafeQueueUserWorkItem(static rounds => _ = rounds.RunAsync(), this, preferLocal: false);
            }
            return answer.Task;
        }
    }

    async Task RunAsync()
    {
        while (Next() is { Length: > 0 } asked)
        {
            bool[] answers;
            try
            {
                answers = await GlanceAsync([.. asked.Select(static a => a.Key)]).ConfigureAwait(false);
            }
            catch (Exception)
            {
                // Whatever it is, the one whom it concerns meets it in a look of his own, and says so.
                answers = [.. asked.Select(static _ => true)];
            }
            for (int i = 0; i < answers.Length; i++)
                asked[i].Value.SetResult(answers[i]);
        }
    }

    KeyValuePair<QueueState, TaskCompletionSource<bool>>[] Next()
    {
        lock (_gate)
        {
            KeyValuePair<QueueState, TaskCompletionSource<bool>>[] next = [.. _asked.Take(MostQueues)];
            foreach ((QueueState queue, _) in next)
                _asked.Remove(queue);
            _isUnderWay = next.Length > 0;
            return next;
        }
    }

    async Task<bool[]> GlanceAsync(QueueState[] queues)
    {
        Scan[] scans = [.. queues.Select(static q => q.Head.Begin())];
        bool[] found = [.. queues.Select(static _ => true)];
        try
        {
            found = await GlanceAsync(queues, scans).ConfigureAwait(false);
        }
        finally
        {
            foreach ((QueueState queue, Scan scan, bool isFound) in queues.Zip(scans, found))
            {
                // What a glance has seen is still to be looked for.
                if (isFound)
                    queue.Head.Abandon(scan);
                else
                    queue.Head.End(scan, [], max: 1);
            }
        }
        return [.. found.Zip(queues, static (isFound, queue) => isFound || queue.Head.Known.Length > 0)];
    }

    async Task<bool[]> GlanceAsync(QueueState[] queues, Scan[] scans)
    {
        NpgsqlConnection connection = await client.DataSource.OpenOwnAsync(client.Stopping).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        NpgsqlBatch batch = connection.CreateBatch();
        await using var __ = batch.ConfigureAwait(false);
        // One table that is locked must not hold up the others.
        batch.BatchCommands.Add(new NpgsqlBatchCommand(ListenerSql.LockTimeout));
        foreach ((QueueState queue, Scan scan) in queues.Zip(scans))
            batch.BatchCommands.Add(new NpgsqlBatchCommand(queue.Sql.Glance) { Parameters = { new NpgsqlParameter<long> { TypedValue = scan.After } } });
        var found = new List<bool>(queues.Length);
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync(client.Stopping).ConfigureAwait(false);
        await using var ___ = reader.ConfigureAwait(false);
        while (await reader.NextResultAsync(client.Stopping).ConfigureAwait(false))
        {
            await reader.ReadAsync(client.Stopping).ConfigureAwait(false);
            found.Add(!reader.IsDBNull(0));
        }
        return [.. found];
    }
}
