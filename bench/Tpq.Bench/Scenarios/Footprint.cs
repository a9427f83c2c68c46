using System.Text;
using Tpq.Bench.Floor;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

sealed class Footprint(Conditions conditions) : SystemScenario(conditions)
{
    const string Wal = "WAL bytes";
    const string Commits = "commits";
    const string Allocated = "bytes allocated";

    public override char Letter => 'h';

    public override string Title => "WAL, commits and allocations of a message";

    public override string Text =>
        $"{Words.Number(Conditions.CountedMessages)} messages are put one by one, then taken one by one by one consumer that does nothing with them. WAL is the "
        + "difference of `pg_current_wal_insert_lsn()`, commits that of `pg_stat_database.xact_commit`, each divided by the number of "
        + "messages; what a system does beside (polls, heartbeats) is in it. Allocated is what .NET's garbage collector has given out meanwhile, for "
        + $"the systems that run in this process; the payload, {Encoding.UTF8.GetByteCount(Payload.Plain)} bytes, is in it several times, on its way in and out.";

    public override IReadOnlyList<Table> Tables { get; } =
        [new("For each message, put and taken", [Column.Of(Wal), Column.Of(Commits), Column.Of(Allocated)], FloorSystem.SystemName)];

    public override IReadOnlyList<Chart> Charts { get; } = [new("wal", "WAL of one message, put and taken", "bytes", [Wal])];

    // Fresh, because a session reports its commits at the latest when it ends, and otherwise in its own time.
    protected override IReadOnlyList<Case> Cases => [new("footprint", [Wal, Commits, Allocated], MeasureAsync) { Fresh = true }];

    async Task<IReadOnlyList<Value>> MeasureAsync(QueueSystem system, CancellationToken cancellationToken)
    {
        int count = Conditions.CountedMessages;
        await using Database onlooker = system.Database.Again();
        await system.RenewAsync(cancellationToken);
        await system.Database.SettleAsync(cancellationToken);
        long commits = await CommitsAsync(onlooker, cancellationToken);
        long wal = await onlooker.WalAsync(cancellationToken);
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        await system.PutCountAsync(count, cancellationToken);
        await system.GetCountAsync(count, cancellationToken);
        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        wal = await onlooker.WalAsync(cancellationToken) - wal;
        await system.DisposeAsync();
        commits = await CommitsAsync(onlooker, cancellationToken) - commits;
        Value[] values = [new(Wal, (double)wal / count), new(Commits, (double)commits / count)];
        return system is InProcessSystem ? [.. values, new(Allocated, (double)allocated / count)] : values;
    }

    static async Task<long> CommitsAsync(Database database, CancellationToken cancellationToken)
    {
        // For sessions that are just ending.
        await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
        return await database.ScalarAsync<long>("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()", cancellationToken);
    }
}
