using Tpq.Bench.Floor;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

sealed class BulkPutAndGet(Conditions conditions) : SystemScenario(conditions)
{
    const int Batch = 100, LargeBatch = 10_000;

    const string Put = "bulk put";
    const string GetOne = "single get";
    static readonly string GetMany = $"get of {Batch}", GetVeryMany = $"get of {Words.Number(LargeBatch)}";

    public override char Letter => 'c';

    public override string Title => "Bulk put and bulk get";

    public override string Text =>
        $"{Words.Number(Conditions.BulkMessages)} messages put in one call of whatever the system has for it; the floor is psql's `\\copy` from a file. One consumer gets "
        + $"and commits, {Batch} messages at a time, {Words.Number(LargeBatch)}, or one, and does nothing with them.";

    public override IReadOnlyList<Table> Tables { get; } =
    [
        new("Messages a second", [Column.Of(Put), Column.Of(GetOne), Column.Of(GetMany), Column.Of(GetVeryMany), new($"{GetMany} against {GetOne}", GetMany, GetOne)],
            FloorSystem.SystemName, TextbookSystem.SystemName),
    ];

    public override IReadOnlyList<Chart> Charts { get; } =
        [new("bulk", "Bulk put and bulk get", "messages a second", [Put, GetOne, GetMany, GetVeryMany])];

    protected override IReadOnlyList<Case> Cases => [Case.Of(Put, PutAsync), Get(GetOne, 1), Get(GetMany, Batch), Get(GetVeryMany, LargeBatch)];

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
        await Backlogs.FillAsync(system, Conditions.Window, batch == 1 ? system.MostPerSecond : system.MostInBatches, cancellationToken);
        return await system.GetManyAsync(batch, Conditions.Window, cancellationToken);
    });
}
