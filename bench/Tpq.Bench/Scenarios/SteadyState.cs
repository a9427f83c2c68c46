using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

sealed class SteadyState(Conditions conditions) : SystemScenario(conditions)
{
    const int PerSecond = 500;
    const int Producers = 8;
    const int Consumers = 8;
    const string Median = "p50";
    const string Slowest = "p99";

    public override char Letter => 'i';

    public override string Title => "Steady state";

    public override string Text =>
        $"{Producers} producers put {PerSecond} messages a second together, for {Conditions.Long.Length.TotalSeconds:0} s, and {Consumers} consumers take them as they come. "
        + "The time from just before the put, or from when it was due if all producers were busy then, until the consumer has the message in hand. "
        + "In the charts each second is one point.";

    public override IReadOnlyList<Table> Tables { get; } =
        [new("Milliseconds from put to get", [Column.Of(Median), Column.Of(Slowest)], TextbookSystem.SystemName)];

    public override IReadOnlyList<Chart> Charts { get; } =
    [
        new("steady-p50", "Steady state: half of the messages took at most", "milliseconds", [Median], OverTime: true) { Logarithmic = true },
        new("steady-p99", "Steady state: 99 % of the messages took at most", "milliseconds", [Slowest], OverTime: true) { Logarithmic = true },
    ];

    protected override IReadOnlyList<Case> Cases => [new("steady", [Median, Slowest], MeasureAsync)];

    async Task<IReadOnlyList<Value>> MeasureAsync(QueueSystem system, CancellationToken cancellationToken)
    {
        await system.RenewAsync(cancellationToken);
        await system.Database.SettleAsync(cancellationToken);
        IReadOnlyList<Arrival> arrivals =
            await system.FollowAsync(Schedule.Steady(Conditions.Long.Length, PerSecond, Producers), Consumers, cancellationToken);
        return [Value(Median, arrivals, 0.50), Value(Slowest, arrivals, 0.99)];
    }

    static Value Value(string measure, IReadOnlyList<Arrival> arrivals, double part) => new(
        measure,
        Statistics.Percentile([.. arrivals.Select(a => a.Took.TotalMilliseconds)], part),
        [.. arrivals.GroupBy(a => (int)a.At.TotalSeconds).OrderBy(second => second.Key)
            .Select(second => Statistics.Percentile([.. second.Select(a => a.Took.TotalMilliseconds)], part))]);
}
