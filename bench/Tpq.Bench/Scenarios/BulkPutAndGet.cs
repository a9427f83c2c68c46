using System.Diagnostics;
using Npgsql;
using Tpq.Bench.Floor;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

sealed class BulkPutAndGet(Conditions conditions) : SystemScenario(conditions)
{
    const int Batch = 100, LargeBatch = 10_000;

    const string Put = "bulk put";
    const string GetOne = "single get";
    const string Client = "client, µs a message", Server = "server, µs a message", Wal = "WAL bytes a message";
    static readonly string GetMany = $"get of {Batch}", GetVeryMany = $"get of {Words.Number(LargeBatch)}";

    public override char Letter => 'c';

    public override string Title => "Bulk put and bulk get";

    public override string Text =>
        $"{Words.Number(Conditions.BulkMessages)} messages put in one call of whatever the system has for it; the floor is psql's `\\copy` from a file. One consumer gets "
        + $"and commits, {Batch} messages at a time, {Words.Number(LargeBatch)}, or one, and does nothing with them; before the first round it has got many at a time once already. What a message of the large ones costs is the CPU time of "
        + "the client's processes and the server's, and the write-ahead log, of the whole measurement with its warm-up, by the messages that the rate makes of its time: a reader that removes nothing "
        + "writes none.";

    public override IReadOnlyList<Table> Tables { get; } =
    [
        new("Messages a second", [Column.Of(Put), Column.Of(GetOne), Column.Of(GetMany), Column.Of(GetVeryMany), new($"{GetMany} against {GetOne}", GetMany, GetOne)],
            FloorSystem.SystemName, TextbookSystem.SystemName) { RanksQueues = true },
        new($"For each message of a {GetVeryMany}", [Column.Of(Client), Column.Of(Server), Column.Of(Wal)]),
    ];

    public override IReadOnlyList<Chart> Charts { get; } =
        [new("bulk", "Bulk put and bulk get", "messages a second", [Put, GetOne, GetMany, GetVeryMany])];

    protected override IReadOnlyList<Case> Cases =>
    [
        Case.Of(Put, PutAsync), Get(GetOne, 1), Get(GetMany, Batch) with { Rehearsed = true },
        new(GetVeryMany, [GetVeryMany, Client, Server, Wal], GetProfiledAsync) { Rehearsed = true },
    ];

    async Task<double> PutAsync(QueueSystem system, CancellationToken cancellationToken)
    {
        await system.RenewAsync(cancellationToken);
        await system.PutManyAsync(Conditions.BulkMessages / 10, cancellationToken);
        await system.RenewAsync(cancellationToken);
        await system.Database.SettleAsync(cancellationToken);
        return await system.PutManyAsync(Conditions.BulkMessages, cancellationToken);
    }

    Case Get(string name, int batch) => Case.Of(name, async (system, cancellationToken) =>
    {
        await FillAsync(system, batch, cancellationToken);
        return await system.GetManyAsync(batch, Conditions.Window, cancellationToken);
    });

    async Task<IReadOnlyList<Value>> GetProfiledAsync(QueueSystem system, CancellationToken cancellationToken)
    {
        await FillAsync(system, LargeBatch, cancellationToken);
        await using NpgsqlConnection onlooker = await system.Database.ConnectAsync(cancellationToken);
        (ProcessorTime time, long wal, long began) = (ProcessorTime.Now(onlooker.ProcessID), await system.Database.WalAsync(cancellationToken), Stopwatch.GetTimestamp());
        double rate = await system.GetManyAsync(LargeBatch, Conditions.Window, cancellationToken);
        double messages = rate * Stopwatch.GetElapsedTime(began).TotalSeconds;
        (time, wal) = (ProcessorTime.Now(onlooker.ProcessID) - time, await system.Database.WalAsync(cancellationToken) - wal);
        return
        [
            new(GetVeryMany, rate), new(Client, time.Client.TotalMicroseconds / messages), new(Server, time.Server.TotalMicroseconds / messages), new(Wal, (double)wal / messages),
        ];
    }

    Task FillAsync(QueueSystem system, int batch, CancellationToken cancellationToken) =>
        batch == 1
            ? Backlogs.FillAsync(system, Conditions.Window, cancellationToken)
            : Backlogs.FillForGetsAsync(system, Conditions.Window, batch, cancellationToken);
}
