using Npgsql;
using NpgsqlTypes;

namespace Tpq.Internal.Overview;

/// <summary>Reads an overview of all queues, at a cost that depends neither on their depth nor on what was consumed. Not thread safe.</summary>
/// <remarks>
/// <para>The first statement asks the server's statistics about all queues. Then it looks into some of them, at most <see cref="MostLooks"/> each time: first into
/// those in which something has happened since the last look or that it has never looked into, then into some others, whose last look is oldest. So with no more
/// queues than that all numbers are counted, up to the limit of a look; and with more of them, those of a queue that is busy may be the statistics', which are
/// marked as estimates.</para>
/// <para>A look reads some thousand rows, and begins behind the dead rows where there are a great many: see <see cref="OverviewSql"/>. Where the statistics mislead, after a crash of the
/// server for instance, it gives up after a quarter of a second.</para>
/// </remarks>
/// <param name="client">The client.</param>
/// <param name="isWanted">Which queues, by name; null for all.</param>
sealed class OverviewReader(TpqClient client, Func<string, bool>? isWanted = null)
{
    public const int MostLooks = 100;

    /// <summary>So many of them go where nothing has happened, if not all do: the statistics may have lost something, or be off.</summary>
    const int MostNeedless = 10;

    /// <summary>So many looks are one transaction: more would hold many locks at once, though none that anybody waits for but DDL.</summary>
    const int LooksAtOnce = 10;

    /// <summary>By queue: the last look, null where it failed; with which statistics; and in which round.</summary>
    readonly Dictionary<string, (QueueLook? Look, QueueStatistics Statistics, long Round)> _looks = new(StringComparer.Ordinal);

    long _round;

    /// <exception cref="PostgresException">The server reported an error.</exception>
    /// <exception cref="NpgsqlException">The database could not be reached.</exception>
    public async Task<DatabaseOverview> ReadAsync(CancellationToken cancellationToken)
    {
        client.ThrowIfDisposed();
        NpgsqlConnection connection = await client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        (List<QueueStatistics> queues, DateTimeOffset now) = await ReadStatisticsAsync(connection, cancellationToken).ConfigureAwait(false);
        _round++;
        foreach (QueueStatistics[] some in Choose(queues).Chunk(LooksAtOnce))
            await LookAsync(connection, some, now, cancellationToken).ConfigureAwait(false);
        Forget(queues);
        return new DatabaseOverview(now, [.. queues.Select(Describe)]);
    }

    IEnumerable<QueueStatistics> Choose(List<QueueStatistics> queues)
    {
        if (queues.Count <= MostLooks)
            return queues;
        ILookup<bool, QueueStatistics> byNeed = queues
            .Select(q => (Queue: q, Last: _looks.TryGetValue(q.Name.Queue, out var last) ? last : default))
            .OrderBy(static c => c.Last.Round == 0 && c.Queue.Live > 0 ? 0 : 1)
            .ThenBy(static c => c.Last.Round)
            .ToLookup(static c => c.Last.Look is null || !c.Queue.IsUnchangedSince(c.Last.Statistics), static c => c.Queue);
        return byNeed[true].Concat(byNeed[false].Take(MostNeedless)).Take(MostLooks);
    }

    QueueOverview Describe(QueueStatistics queue)
    {
        var (look, then, round) = _looks.GetValueOrDefault(queue.Name.Queue);
        return look is not null && (round == _round || queue.IsUnchangedSince(then)) ? look.Describe(queue) : QueueLook.Estimate(queue, look);
    }

    /// <summary>In one batch; where a statement of it fails, which ends it, one by one.</summary>
    async Task LookAsync(NpgsqlConnection connection, QueueStatistics[] queues, DateTimeOffset now, CancellationToken cancellationToken)
    {
        try
        {
            var batch = new NpgsqlBatch(connection) { BatchCommands = { new NpgsqlBatchCommand(OverviewSql.Timeout) } };
            await using var _ = batch.ConfigureAwait(false);
            foreach (QueueStatistics queue in queues)
                batch.BatchCommands.Add(QueueLook.Command(queue, now));
            NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using var __ = reader.ConfigureAwait(false);
            foreach (QueueStatistics queue in queues)
            {
                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                _looks[queue.Name.Queue] = (QueueLook.Read(reader), queue, _round);
            }
        }
        catch (PostgresException e) when (!Fault.IsConnectionLoss(e))
        {
            // It was dropped or altered meanwhile, or takes too long.
            if (queues is [var queue])
            {
                _looks[queue.Name.Queue] = (null, queue, _round);
                return;
            }
            foreach (QueueStatistics each in queues)
                await LookAsync(connection, [each], now, cancellationToken).ConfigureAwait(false);
        }
    }

    void Forget(List<QueueStatistics> queues)
    {
        if (_looks.Count <= queues.Count)
            return;
        HashSet<string> there = [.. queues.Select(static q => q.Name.Queue)];
        foreach (string gone in _looks.Keys.Where(q => !there.Contains(q)).ToList())
            _looks.Remove(gone);
    }

    async Task<(List<QueueStatistics> Queues, DateTimeOffset Now)> ReadStatisticsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(OverviewSql.Statistics, connection);
        await using var _ = command.ConfigureAwait(false);
        foreach (string? value in (string?[])[client.TablePrefix, client.Schema, QueueName.LaterSuffix])
            command.Parameters.Add(new NpgsqlParameter { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var __ = reader.ConfigureAwait(false);
        var queues = new List<QueueStatistics>();
        DateTimeOffset now = client.Time.GetUtcNow();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            QueueStatistics queue = QueueStatistics.Read(reader, client);
            if (isWanted?.Invoke(queue.Name.Queue) ?? true)
                queues.Add(queue);
            now = reader.GetFieldValue<DateTimeOffset>(13);
        }
        return (queues, now);
    }
}
