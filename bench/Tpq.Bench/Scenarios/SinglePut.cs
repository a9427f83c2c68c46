using Tpq.Bench.Floor;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

sealed class SinglePut(Conditions conditions) : SystemScenario(conditions)
{
    public override char Letter => 'a';

    public override string Title => "Single put";

    public override string Text =>
        "Producers put one message after the other, each in a transaction of its own, and nobody waits for messages.";

    public override IReadOnlyList<Table> Tables =>
        [new("Messages a second", [.. Conditions.Workers.Select(n => Column.Of(Name(n)))], FloorSystem.SystemName, TextbookSystem.SystemName)];

    public override IReadOnlyList<Chart> Charts => [new("put", "Single put", "messages a second", [.. Conditions.Workers.Select(Name)])];

    protected override IReadOnlyList<Case> Cases =>
        [.. Conditions.Workers.Select(producers => Case.Of(Name(producers), async (system, cancellationToken) =>
        {
            await system.RenewAsync(cancellationToken);
            await system.Database.SettleAsync(cancellationToken);
            return await system.PutAsync(producers, Conditions.Window, cancellationToken);
        }))];

    static string Name(int producers) => producers == 1 ? "1 producer" : $"{producers} producers";
}
