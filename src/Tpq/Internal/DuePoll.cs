using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// Asks often when the next message is due, for all queues of a client at which somebody sleeps whom nobody tells of times: without a trigger, behind a
/// pooler, or as long as the listener is lost. Else what is due in less than the second between two looks would come late.
/// </summary>
/// <remarks>
/// One batch for all of them, prepared, since it is sent thirteen times a second, as long as somebody waits; none where all are served. A plan made for an empty companion is a
/// good one for a full one too, for it is created with room for rows.
/// </remarks>
sealed class DuePoll(TpqClient client)
{
    /// <summary>With the way to the server and the move, what is due is moved within 100 ms of its time.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(75);

    static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(1);

    readonly Lock _gate = new();

    /// <summary>Whether there was somebody for whom it asks.</summary>
    public bool Runs { get; private set; }

    /// <summary>Somebody has fallen asleep, and may not be told of times.</summary>
    public void Start()
    {
        lock (_gate)
        {
            if (Runs || client.Stopping.IsCancellationRequested)
                return;
            Runs = true;
        }
        // It outlives the caller's TransactionScope and trace.
        using (ExecutionContext.SuppressFlow())
            _ = Task.Run(RunAsync);
    }

    async Task RunAsync()
    {
        TimeSpan pause = Interval;
        do
        {
            await Task.Delay(pause, client.Time, client.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = await AskedAsync().ConfigureAwait(false) ? Interval : AfterFailure;
        }
        while (!HasNothingToDo());
    }

    bool HasNothingToDo()
    {
        lock (_gate)
            return !(Runs = !client.Stopping.IsCancellationRequested && client.KnownQueues.Any(static q => q.IsUntold));
    }

    /// <returns>Whether there was nothing to ask, or all was answered.</returns>
    async Task<bool> AskedAsync()
    {
        QueueState[] asked = [];
        try
        {
            foreach (QueueState[] queues in client.KnownQueues.Where(static q => q.IsUntold && q.Later.IsSound).Chunk(Rounds.MostStatements))
                await AskAsync(asked = queues).ConfigureAwait(false);
            return true;
        }
        catch (PostgresException e) when (!Fault.IsConnectionLoss(e))
        {
            // A table is locked, or gone, or not to be read: each is asked about by itself, where that is told of, and which it was is left out until it is sound again.
            foreach (QueueState queue in asked)
                queue.Later.Ask();
            return false;
        }
        catch (Exception)
        {
            // Whoever looks has the same trouble, and says so.
            return false;
        }
    }

    async Task AskAsync(QueueState[] queues)
    {
        NpgsqlConnection connection = await client.OpenOwnAsync(client.Stopping).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        NpgsqlBatch batch = connection.CreateBatch();
        await using var __ = batch.ConfigureAwait(false);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(ListenerSql.LockTimeout));
        foreach (QueueState queue in queues)
            batch.BatchCommands.Add(queue.Later.Question());
        await client.Statements.PrepareAsync(batch, client.Stopping).ConfigureAwait(false);
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync(client.Stopping).ConfigureAwait(false);
        await using var ___ = reader.ConfigureAwait(false);
        foreach (QueueState queue in queues)
        {
            await reader.NextResultAsync(client.Stopping).ConfigureAwait(false);
            await queue.Later.HearAsync(reader, isRound: false).ConfigureAwait(false);
        }
    }
}
