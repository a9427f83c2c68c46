using Tpq.Bench.Floor;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

sealed class Footprint(Conditions conditions) : SystemScenario(conditions)
{
    const string Wal = "WAL bytes";
    const string Commits = "commits";

    public override char Letter => 'h';

    public override string Title => "WAL and commits of a message";

    public override string Text =>
        $"{Words.Number(Conditions.CountedMessages)} messages are put one by one, then taken one by one by one consumer that does nothing with them. WAL is the "
        + "difference of `pg_current_wal_insert_lsn()`, commits that of `pg_stat_database.xact_commit`, each divided by the number of "
        + "messages; what a system does beside (polls, heartbeats) is in it.";

    public override IReadOnlyList<Table> Tables { get; } =
        [new("For each message, put and taken", [Column.Of(Wal), Column.Of(Commits)], FloorSystem.SystemName)];

    public override IReadOnlyList<Chart> Charts { get; } = [new("wal", "WAL of one message, put and taken", "bytes", [Wal])];

    // Fresh, because a session reports its commits at the latest when it ends, and otherwise in its own time.
    protected override IReadOnlyList<Case> Cases => [new("footprint", [Wal, Commits], MeasureAsync) { Fresh = true }];

    async Task<IReadOnlyList<Value>> MeasureAsync(QueueSystem system, CancellationToken cancellationToken)
    {
        int count = Conditions.CountedMessages;
        await using Database onlooker = system.Database.Again();
        await system.RenewAsync(cancellationToken);
        await system.Database.SettleAsync(cancellationToken);
        long commits = await CommitsAsync(onlooker, cancellationToken);
        long wal = await WalAsync(onlooker, cancellationToken);
        await system.PutCountAsync(count, cancellationToken);
        await system.GetCountAsync(count, cancellationToken);
        wal = await WalAsync(onlooker, cancellationToken) - wal;
        await system.DisposeAsync();
        commits = await CommitsAsync(onlooker, cancellationToken) - commits;
        return [new(Wal, (double)wal / count), new(Commits, (double)commits / count)];
    }

    static Task<long> WalAsync(Database database, CancellationToken cancellationToken) =>
        database.ScalarAsync<long>("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint", cancellationToken);

    static async Task<long> CommitsAsync(Database database, CancellationToken cancellationToken)
    {
        // For sessions that are just ending.
        await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
        return await database.ScalarAsync<long>("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()", cancellationToken);
    }
}
