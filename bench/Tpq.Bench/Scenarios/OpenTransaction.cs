using Npgsql;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

sealed class OpenTransaction(Conditions conditions) : SystemScenario(conditions)
{
    const int Consumers = 8;
    const string Measure = "over all";
    const string First = "first sixth";
    const string Last = "last sixth";
    const string Count = "messages";
    const string Behind = "behind 200,000 consumed";

    const string InBatches = "in batches";

    const int Consumed = 200_000;

    public override char Letter => 'd';

    public override string Title => "Get while a transaction stays open";

    public override string Text =>
        $"As (b) with {Consumers} consumers, while one other session of the same database has done `BEGIN; SELECT txid_current()` and nothing "
        + "more, so that VACUUM can remove nothing that the consumers delete. First and last sixth: the first and the last "
        + "10 s of 60. A slow system has consumed little by then, and slows down with what it has consumed; so once more, after the "
        + $"{Consumed:N0} oldest were deleted, by one statement and unmeasured, behind the open transaction: the same for everyone. "
        + "And once with messages taken, or completed, in batches, where a system can do that or does nothing else. "
        + "Both short measurements come first, and before the first round once more, unrecorded: a runtime that still compiles would make the first sixth of the long one slow, and the last look better beside it.";

    public override IReadOnlyList<Table> Tables { get; } =
    [
        new("Messages a second", [Column.Of(First), Column.Of(Last), Column.Of(Measure), new("last against first", Last, First), Column.Of(Behind), Column.Of(InBatches)],
            TextbookSystem.SystemName),
        new("Messages in all", [Column.Of(Count)]),
    ];

    public override IReadOnlyList<Chart> Charts { get; } =
        [new("open-transaction", "Get while a transaction stays open", "messages a second", [Measure], OverTime: true) { Logarithmic = true }];

    protected override IReadOnlyList<Case> Cases =>
    [
        Case.Of(Behind, MeasureBehindAsync) with { Rehearsed = true }, Case.Of(InBatches, MeasureBatchesAsync) with { Rehearsed = true },
        new(Title, [First, Last, Measure, Count], MeasureAsync),
    ];

    async Task<IReadOnlyList<Value>> MeasureAsync(QueueSystem system, CancellationToken cancellationToken)
    {
        long backlog = await Backlogs.FillAsync(system, Conditions.Long, cancellationToken);
        await using NpgsqlConnection other = await HoldTransactionAsync(system, cancellationToken);
        Progress progress = await new Gets(system).WatchAsync(Consumers, Conditions.Long, backlog, level: false, cancellationToken);
        TimeSpan end = progress.Length, sixth = end / 6;
        return
        [
            new(First, progress.RateOf(TimeSpan.Zero, sixth)), new(Last, progress.RateOf(end - sixth, end)),
            new(Measure, progress.Rate, progress.BySecond()), new(Count, progress.Count),
        ];
    }

    async Task<double> MeasureBehindAsync(QueueSystem system, CancellationToken cancellationToken)
    {
        long backlog = (long)((Conditions.Window.Total.TotalSeconds + 1) * system.MostPerSecond);
        await Backlogs.FillAsync(system, Consumed + backlog, cancellationToken);
        await using NpgsqlConnection other = await HoldTransactionAsync(system, cancellationToken);
        await system.DropOldestAsync(Consumed, cancellationToken);
        return (await new Gets(system).WatchAsync(Consumers, Conditions.Window, backlog, level: false, cancellationToken)).Rate;
    }

    async Task<double> MeasureBatchesAsync(QueueSystem system, CancellationToken cancellationToken)
    {
        long backlog = await Backlogs.FillForBatchesAsync(system, Conditions.Window, cancellationToken);
        await using NpgsqlConnection other = await HoldTransactionAsync(system, cancellationToken);
        return (await new Gets(system, system.WorkInBatchesAsync).WatchAsync(Consumers, Conditions.Window, backlog, level: false, cancellationToken)).Rate;
    }

    /// <returns>A connection with a transaction that ends with it.</returns>
    static async Task<NpgsqlConnection> HoldTransactionAsync(QueueSystem system, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await system.Database.ConnectAsync(cancellationToken);
        await using var begin = new NpgsqlCommand("BEGIN; SELECT txid_current()", connection);
        await begin.ExecuteNonQueryAsync(cancellationToken);
        return connection;
    }
}
