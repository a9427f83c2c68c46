using System.Diagnostics;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// The looks by the clock, for a rollback or a crash elsewhere rings no bell: every ten seconds the listener asks, in one batch, in which of its queues
/// a message is there, and wakes one of those who sleep there. He takes it, or finds that it is in hand. It asks too when the next message is due.
/// </summary>
/// <remarks>
/// What a process costs that only waits is its waking up. A look of each sleeper's own, a take and a rollback, kept 5 % of a core busy with a hundred
/// queues, most of it in threads that woke and found nothing to do; at the same moment, each on a connection of its own, 7 %.
/// </remarks>
static class Rounds
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    /// <summary>Bounds for how long the connection hears nothing.</summary>
    public const int MostStatements = 100;

    public static async Task GoAsync(NpgsqlConnection connection, IEnumerable<QueueState> queues)
    {
        foreach (QueueState[] some in queues.Chunk(MostStatements))
        {
            // Ids that may be free again are for a take to try, and a long sweep is for a connection that nobody listens on.
            foreach (QueueState queue in some.Where(NeedsLook))
                queue.Sleepers.WakeOne();
            QueueState[] asked = [.. some.Where(static q => !NeedsLook(q))];
            if (asked.Length > 0)
                await AskAsync(connection, asked).ConfigureAwait(false);
        }
    }

    static bool NeedsLook(QueueState queue) => queue.Head.Known.Length > 0 || queue.Head.IsSweepLong;

    static async Task AskAsync(NpgsqlConnection connection, QueueState[] queues)
    {
        Scan[] scans = [.. queues.Select(static q => q.Head.Begin())];
        bool[] found = [.. queues.Select(static _ => true)];
        long began = Stopwatch.GetTimestamp();
        try
        {
            found = await AnswersAsync(connection, queues, scans).ConfigureAwait(false);
        }
        catch (PostgresException e) when (!Fault.IsConnectionLoss(e))
        {
            // A table is locked, or gone, or not to be read: whom it concerns meets that in a look of his own.
        }
        finally
        {
            // Of each its part: else all would be taken for long ones where there are many, and each be looked for on a connection of its own from then on.
            TimeSpan took = Stopwatch.GetElapsedTime(began) / queues.Length;
            foreach ((QueueState queue, Scan scan, bool isFound) in queues.Zip(scans, found))
            {
                // What is there is still to be looked for, by who takes it.
                if (isFound)
                    queue.Head.Abandon(scan);
                else
                    queue.Head.End(scan, [], max: 1, took);
                if (isFound || queue.Head.IsLookBackDue)
                    queue.Sleepers.WakeOne();
            }
        }
    }

    static async Task<bool[]> AnswersAsync(NpgsqlConnection connection, QueueState[] queues, Scan[] scans)
    {
        NpgsqlBatch batch = connection.CreateBatch();
        await using var _ = batch.ConfigureAwait(false);
        batch.Timeout = Doorbell.TimeoutSeconds;
        batch.BatchCommands.Add(new NpgsqlBatchCommand(ListenerSql.LockTimeout));
        foreach ((QueueState queue, Scan scan) in queues.Zip(scans))
            batch.BatchCommands.Add(new NpgsqlBatchCommand(queue.Sql.Glance) { Parameters = { new NpgsqlParameter<long> { TypedValue = scan.After } } });
        var asking = new List<QueueState>();
        foreach (QueueState queue in queues)
        {
            if (!queue.Later.IsSound)
                continue;
            batch.BatchCommands.Add(queue.Later.Question());
            asking.Add(queue);
        }
        var found = new List<bool>(queues.Length);
        int asked = 0;
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync().ConfigureAwait(false);
        await using var __ = reader.ConfigureAwait(false);
        while (await reader.NextResultAsync().ConfigureAwait(false))
        {
            if (found.Count == queues.Length)
            {
                await asking[asked++].Later.HearAsync(reader, isRound: true).ConfigureAwait(false);
                continue;
            }
            await reader.ReadAsync().ConfigureAwait(false);
            found.Add(!await reader.IsDBNullAsync(0).ConfigureAwait(false));
        }
        return [.. found];
    }
}
