using System.Globalization;
using Tpq.Bench.Floor;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

sealed class WaitingConsumers(Conditions conditions) : SystemScenario(conditions)
{
    const int Producers = 8;
    const int LongerWarmup = 2;
    static readonly int[] Consumers = [0, 1, 50];

    public override char Letter => 'g';

    public override string Title => "Put while consumers wait";

    public override string Text =>
        $"As (a) with {Producers} producers, while consumers of the same queue wait for the messages and take them, with no work to do. Only the puts are counted. "
        + $"The warm-up is {Window.Warmup.TotalSeconds} s, for the consumers have their connections to open.";

    public override IReadOnlyList<Table> Tables { get; } =
    [
        new("Messages put a second",
            [.. Consumers.Select(n => Column.Of(Name(n))), new($"{Name(50)} against {Name(0)}", Name(50), Name(0))],
            FloorSystem.SystemName, TextbookSystem.SystemName) { RanksQueues = true },
    ];

    public override IReadOnlyList<Chart> Charts { get; } =
        [new("waiting-consumers", "Put while consumers wait", "messages put a second", [.. Consumers.Select(Name)])];

    protected override IReadOnlyList<Case> Cases =>
        [.. Consumers.Select(consumers => Case.Of(Name(consumers), async (system, cancellationToken) =>
        {
            await system.RenewAsync(cancellationToken);
            await system.Database.SettleAsync(cancellationToken);
            return await system.PutToConsumersAsync(Producers, consumers, Window, cancellationToken);
        }))];

    Window Window => Conditions.Window with { Warmup = Conditions.Window.Warmup * LongerWarmup };

    static string Name(int consumers) => string.Create(CultureInfo.InvariantCulture, $"{consumers} waiting");
}
