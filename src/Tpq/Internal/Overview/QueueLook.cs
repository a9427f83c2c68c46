using Npgsql;
using NpgsqlTypes;

namespace Tpq.Internal.Overview;

/// <summary>What a look into a queue's tables has found: at most <see cref="OverviewSql.MostCounted"/> and one rows of each are read.</summary>
sealed record QueueLook(long Ready, long InHand, DateTimeOffset? Oldest, long Delayed, long Leased, bool IsPaused)
{
    /// <summary>A transaction that puts what is due at once is not open for longer, mostly; see <see cref="Later"/>.</summary>
    static readonly TimeSpan LateCommits = TimeSpan.FromMinutes(1);

    public static NpgsqlBatchCommand Command(QueueStatistics queue, DateTimeOffset now) => Command(OverviewSql.Look(queue), queue, now);

    /// <summary>A statement that begins where a look does.</summary>
    public static NpgsqlBatchCommand Command(string sql, QueueStatistics queue, DateTimeOffset now) => new(sql)
    {
        Parameters = { new NpgsqlParameter<long> { TypedValue = queue.After ?? long.MinValue }, From(queue, now) },
    };

    /// <summary>The time from which on a look reads the companion.</summary>
    public static NpgsqlParameter From(QueueStatistics queue, DateTimeOffset now) => new NpgsqlParameter<DateTime>
    {
        TypedValue = queue.IsLaterBloated ? (now - LateCommits).UtcDateTime : DateTime.UnixEpoch,
        NpgsqlDbType = NpgsqlDbType.TimestampTz,
    };

    public static QueueLook Read(NpgsqlDataReader row) => new(
        row.GetInt64(0), row.GetInt64(1), row.IsDBNull(2) ? null : row.GetFieldValue<DateTimeOffset>(2), row.GetInt64(3), row.GetInt64(4), row.GetBoolean(5));

    /// <summary>The overview by this look, which was made with these statistics.</summary>
    public QueueOverview Describe(QueueStatistics queue)
    {
        bool isCapped = Ready > OverviewSql.MostCounted, isPartial = isCapped || queue.After is not null;
        bool isLaterCapped = Delayed + Leased > OverviewSql.MostCounted, isLaterPartial = isLaterCapped || queue.IsLaterBloated;
        return new QueueOverview(
            queue,
            new Tally(isCapped ? Math.Max(Ready, queue.Live) : Ready, isPartial),
            isPartial ? new Tally(Math.Max(InHand, queue.Holders), IsEstimate: queue.Holders > 0) : new Tally(InHand, IsEstimate: false),
            queue.HasLater ? new Tally(isLaterCapped ? Math.Max(Delayed, queue.LaterLive - Leased) : Delayed, isLaterPartial) : null,
            queue.HasLater ? new Tally(Leased, isLaterPartial) : null,
            Oldest, IsPaused);
    }

    /// <summary>The overview where a look is missing, or older than what has happened since: the statistics' numbers.</summary>
    /// <param name="queue">The statistics.</param>
    /// <param name="earlier">What was seen earlier; null for nothing.</param>
    public static QueueOverview Estimate(QueueStatistics queue, QueueLook? earlier)
    {
        bool isPaused = earlier is { IsPaused: true };
        long leased = earlier?.Leased ?? 0;
        return new QueueOverview(
            queue,
            new Tally(queue.Live, IsEstimate: true),
            new Tally(queue.Holders, IsEstimate: queue.Holders > 0),
            queue.HasLater ? new Tally(Math.Max(0, queue.LaterLive - leased - (isPaused ? 1 : 0)), IsEstimate: true) : null,
            queue.HasLater ? new Tally(leased, IsEstimate: true) : null,
            earlier?.Oldest, isPaused);
    }
}
