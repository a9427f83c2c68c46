using Tpq.Bench.Floor;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

sealed class Latency(Conditions conditions) : SystemScenario(conditions)
{
    const string Median = "p50";
    const string Slowest = "p99";
    const string Core = "% of a core";
    const string Connections = "connections";
    const int Queues = 100;

    static readonly TimeSpan LeastPause = TimeSpan.FromMilliseconds(20);
    static readonly TimeSpan MostPause = TimeSpan.FromMilliseconds(50);

    public override char Letter => 'f';

    public override string Title => "Latency, and the cost of waiting";

    public override string Text =>
        "One producer puts a message every 20 to 50 ms, at random, and one consumer waits for them: the time from just before the put, "
        + "or from when it was due if the producer was busy then, until the consumer has the message in hand. The floor is three connections of Npgsql: "
        + "one inserts and notifies in one statement, another listens and is told the id, and the third deletes. "
        + $"Then a process of its own waits on {Queues} empty queues and does nothing else, "
        + $"for {Conditions.Waiting.Length.TotalSeconds:0} s: its CPU time, and its connections.";

    public override IReadOnlyList<Table> Tables { get; } =
    [
        new("Milliseconds from put to get", [Column.Of(Median), Column.Of(Slowest)], FloorSystem.SystemName),
        new($"{Queues} idle queues", [Column.Of(Core), Column.Of(Connections)]),
    ];

    public override IReadOnlyList<Chart> Charts { get; } =
        [new("latency", "Put to get, sparse traffic", "milliseconds", [Median, Slowest]) { Logarithmic = true }];

    protected override IReadOnlyList<Case> Cases =>
    [
        new("latency", [Median, Slowest], FollowAsync),
        new("waiting", [Core, Connections], WaitAsync),
    ];

    async Task<IReadOnlyList<Value>> FollowAsync(QueueSystem system, CancellationToken cancellationToken)
    {
        await system.RenewAsync(cancellationToken);
        await system.Database.SettleAsync(cancellationToken);
        IReadOnlyList<Arrival> arrivals = await system.FollowAsync(Schedule.Sparse(Conditions.Calm, LeastPause, MostPause), 1, cancellationToken);
        double[] took = [.. arrivals.Select(arrival => arrival.Took.TotalMilliseconds)];
        return [new(Median, Statistics.Percentile(took, 0.50)), new(Slowest, Statistics.Percentile(took, 0.99))];
    }

    async Task<IReadOnlyList<Value>> WaitAsync(QueueSystem system, CancellationToken cancellationToken)
    {
        IdleCost cost = await system.MeasureIdleAsync(Queues, Conditions.Waiting, cancellationToken);
        return [new(Core, cost.Core * 100), new(Connections, cost.Connections)];
    }
}
