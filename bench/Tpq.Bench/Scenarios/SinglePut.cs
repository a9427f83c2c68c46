using Tpq.Bench.Floor;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

sealed class SinglePut(Conditions conditions) : SystemScenario(conditions)
{
    public override char Letter => 'a';

    public override string Title => "Single put";

    public override string Text =>
        "Producers put one message after the other, and nobody waits for messages. Each waits for the commit of its message before it puts the next. That is a transaction of its own for each, "
        + "but with tpq, where puts of one client that come at the same time share a commit; so once more without that, tpq's producers having a client each. What the trigger alone costs is in (p); what the processors are used for, in (n).";

    public override IReadOnlyList<Table> Tables =>
        [new("Messages a second", [.. Conditions.Workers.Select(n => Column.Of(Words.Producers(n))), Column.Of(Unshared)], FloorSystem.SystemName, TextbookSystem.SystemName) { RanksQueues = true }];

    public override IReadOnlyList<Chart> Charts => [new("put", "Single put", "messages a second", [.. Conditions.Workers.Select(Words.Producers), Unshared])];

    protected override IReadOnlyList<Case> Cases =>
    [
        .. Conditions.Workers.Select(producers => Put(Words.Producers(producers), (system, cancellationToken) => system.PutAsync(producers, Conditions.Window, cancellationToken))),
        Put(Unshared, (system, cancellationToken) => system.PutUnsharedAsync(Conditions.Workers[^1], Conditions.Window, cancellationToken)),
    ];

    string Unshared => $"{Words.Producers(Conditions.Workers[^1])}, no commit shared";

    static Case Put(string name, Func<QueueSystem, CancellationToken, Task<double>> putAsync) => Case.Of(name, async (system, cancellationToken) =>
    {
        await system.RenewAsync(cancellationToken);
        await system.Database.SettleAsync(cancellationToken);
        return await putAsync(system, cancellationToken);
    });
}
