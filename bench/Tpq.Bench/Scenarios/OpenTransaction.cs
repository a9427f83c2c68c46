using Npgsql;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

sealed class OpenTransaction(Conditions conditions) : SystemScenario(conditions)
{
    const int Consumers = 8;
    const string Behind = "behind 200,000 consumed";

    const int Consumed = 200_000;

    static readonly Way Singly = new("", Backlogs.FillForSingleGetsAsync, static (system, consumers, handler, stop) => system.WorkSinglyAsync(consumers, handler, stop));
    static readonly Way InBatches = new(" in batches", Backlogs.FillForBatchesAsync, static (system, consumers, handler, stop) => system.WorkInBatchesAsync(consumers, handler, stop));

    public override char Letter => 'd';

    public override string Title => "Get while a transaction stays open";

    public override string Text =>
        $"As (b) with {Consumers} consumers, singly and in batches, but those of a library for .NET in the benchmark's own process, which has compiled what it runs when it is measured: when they have been at work for {Conditions.UntilCompiled.TotalSeconds} s, one other session of the same database does `BEGIN; SELECT txid_current()` and nothing "
        + "more, so that VACUUM can remove nothing that the consumers delete from then on. With that the measurement begins, "
        + $"which lasts {Conditions.Long.Length.TotalSeconds:0} s. A slow system has consumed little by then, and slows down with what it has consumed; so once more, as long as said below, after the "
        + $"{Consumed:N0} oldest were deleted, by one statement and unmeasured, behind the open transaction: the same for everyone whose messages are rows of one table.";

    public override IReadOnlyList<Table> Tables { get; } =
    [
        new("Messages a second", [.. Singly.Columns, Column.Of(Behind)], TextbookSystem.SystemName) { RanksQueues = true },
        new("Messages a second, in batches", InBatches.Columns) { RanksQueues = true },
        new("Messages in all", [new("singly", Singly.Count), new("in batches", InBatches.Count)]),
    ];

    public override IReadOnlyList<Chart> Charts { get; } =
    [
        new("open-transaction", "Get while a transaction stays open", "messages a second", [Singly.OverAll], OverTime: true) { Logarithmic = true },
        new("open-transaction-batches", "Get in batches while a transaction stays open", "messages a second", [InBatches.OverAll], OverTime: true) { Logarithmic = true },
    ];

    protected override IReadOnlyList<Case> Cases => [Case.Of(Behind, MeasureBehindAsync) with { Rehearsed = true }, Long(Singly), Long(InBatches)];

    Case Long(Way way) => new(way.OverAll, [way.First, way.Last, way.OverAll, way.Count], async (system, cancellationToken) =>
    {
        long backlog = await way.FillAsync(system, Conditions.Long, cancellationToken);
        NpgsqlConnection? other = null;
        try
        {
            Progress progress = await way.GetsOf(system).WatchAsync(
                Consumers, Conditions.Long, backlog, level: false, whenWarm: async () => other = await HoldTransactionAsync(system, cancellationToken), cancellationToken);
            TimeSpan end = progress.Length, sixth = end / 6;
            return
            [
                new(way.First, progress.RateOf(TimeSpan.Zero, sixth)), new(way.Last, progress.RateOf(end - sixth, end)),
                new(way.OverAll, progress.Rate, progress.BySecond()), new(way.Count, progress.Count),
            ];
        }
        finally
        {
            if (other is not null)
                await other.DisposeAsync();
        }
    });

    async Task<double> MeasureBehindAsync(QueueSystem system, CancellationToken cancellationToken)
    {
        if (system.DeletesFrom is null)
            throw new NotPossibleException($"{system.Name} does not keep its messages in one table from which they are deleted");
        long backlog = await Backlogs.FillAsync(system, Conditions.Window, cancellationToken, dropped: Consumed);
        await using NpgsqlConnection other = await HoldTransactionAsync(system, cancellationToken);
        await system.Database.DropOldestAsync(system.DeletesFrom, Consumed, cancellationToken);
        return (await Singly.GetsOf(system).WatchAsync(Consumers, Conditions.Window, backlog, level: false, cancellationToken)).Rate;
    }

    /// <returns>A connection with a transaction that ends with it.</returns>
    static async Task<NpgsqlConnection> HoldTransactionAsync(QueueSystem system, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await system.Database.ConnectAsync(cancellationToken);
        try
        {
            await using var begin = new NpgsqlCommand("BEGIN; SELECT txid_current()", connection);
            await begin.ExecuteNonQueryAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>How consumers take messages, and what the values of a long measurement of that are called.</summary>
    sealed record Way(
        string Suffix,
        Func<QueueSystem, Window, CancellationToken, Task<long>> FillAsync,
        Func<QueueSystem, int, Handler, CancellationToken, Task> WorkAsync)
    {
        const string FirstSixth = "first sixth";
        const string LastSixth = "last sixth";
        const string Whole = "over all";

        public string First => FirstSixth + Suffix;

        public string Last => LastSixth + Suffix;

        public string OverAll => Whole + Suffix;

        public string Count => $"messages{Suffix}";

        public IReadOnlyList<Column> Columns => [new(FirstSixth, First), new(LastSixth, Last), new(Whole, OverAll), new("last against first", Last, First)];

        public Gets GetsOf(QueueSystem system) => new(system, (consumers, handler, stop) => WorkAsync(system, consumers, handler, stop));
    }
}
