using Npgsql;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

sealed class OpenTransaction(Conditions conditions) : SystemScenario(conditions)
{
    const int Consumers = 8;
    const string First = "first sixth";
    const string Last = "last sixth";
    const string OverAll = "over all";
    const string Count = "messages";
    const string Behind = "behind 200,000 consumed";

    const int Consumed = 200_000;

    public override char Letter => 'd';

    public override string Title => "Get while a transaction stays open";

    public override string Text =>
        $"As (b) with {Consumers} consumers, singly and in batches; but when they have been at work for {Conditions.UntilCompiled.TotalSeconds} s, one other session of the same database does `BEGIN; SELECT txid_current()` and nothing "
        + "more, so that VACUUM can remove nothing that the consumers delete from then on. There the measurement begins. First and last sixth: the first and the last "
        + "10 s of 60, where a measurement takes 5 s, else in proportion. A slow system has consumed little by then, and slows down with what it has consumed; so once more, after the "
        + $"{Consumed:N0} oldest were deleted, by one statement and unmeasured, behind the open transaction: the same for everyone.";

    public override IReadOnlyList<Table> Tables { get; } =
    [
        new("Messages a second", [.. Columns(inBatches: false), Column.Of(Behind)], TextbookSystem.SystemName),
        new("Messages a second, in batches", Columns(inBatches: true)),
        new("Messages in all", [new("singly", Measure(Count, inBatches: false)), new("in batches", Measure(Count, inBatches: true))]),
    ];

    public override IReadOnlyList<Chart> Charts { get; } =
    [
        new("open-transaction", "Get while a transaction stays open", "messages a second", [Measure(OverAll, inBatches: false)], OverTime: true) { Logarithmic = true },
        new("open-transaction-batches", "Get in batches while a transaction stays open", "messages a second", [Measure(OverAll, inBatches: true)], OverTime: true) { Logarithmic = true },
    ];

    protected override IReadOnlyList<Case> Cases =>
        [Case.Of(Behind, MeasureBehindAsync) with { Rehearsed = true }, Long(inBatches: false), Long(inBatches: true)];

    static IReadOnlyList<Column> Columns(bool inBatches)
    {
        string first = Measure(First, inBatches), last = Measure(Last, inBatches);
        return [new(First, first), new(Last, last), new(OverAll, Measure(OverAll, inBatches)), new("last against first", last, first)];
    }

    static string Measure(string what, bool inBatches) => inBatches ? $"{what}, in batches" : what;

    Case Long(bool inBatches)
    {
        string first = Measure(First, inBatches), last = Measure(Last, inBatches), overAll = Measure(OverAll, inBatches), count = Measure(Count, inBatches);
        return new Case(overAll, [first, last, overAll, count], async (system, cancellationToken) =>
        {
            long backlog = inBatches
                ? await Backlogs.FillForBatchesAsync(system, Conditions.Long, cancellationToken)
                : await Backlogs.FillForSingleGetsAsync(system, Conditions.Long, cancellationToken);
            NpgsqlConnection? other = null;
            try
            {
                Progress progress = await new Gets(system, inBatches ? system.WorkInBatchesAsync : system.WorkSinglyAsync).WatchAsync(
                    Consumers, Conditions.Long, backlog, level: false, cancellationToken,
                    whenWarm: async () => other = await HoldTransactionAsync(system, cancellationToken));
                TimeSpan end = progress.Length, sixth = end / 6;
                return
                [
                    new(first, progress.RateOf(TimeSpan.Zero, sixth)), new(last, progress.RateOf(end - sixth, end)),
                    new(overAll, progress.Rate, progress.BySecond()), new(count, progress.Count),
                ];
            }
            finally
            {
                if (other is not null)
                    await other.DisposeAsync();
            }
        });
    }

    async Task<double> MeasureBehindAsync(QueueSystem system, CancellationToken cancellationToken)
    {
        long backlog = (long)((Conditions.Window.Total.TotalSeconds + 1) * system.MostPerSecond);
        await Backlogs.FillAsync(system, Consumed + backlog, cancellationToken);
        await using NpgsqlConnection other = await HoldTransactionAsync(system, cancellationToken);
        await system.DropOldestAsync(Consumed, cancellationToken);
        return (await new Gets(system).WatchAsync(Consumers, Conditions.Window, backlog, level: false, cancellationToken)).Rate;
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
