namespace Tpq.Bench.Scenarios;

/// <summary>All scenarios, in the order of their letters.</summary>
static class ScenarioCatalog
{
    public static IReadOnlyList<Scenario> Create(Conditions conditions) =>
    [
        new SinglePut(conditions),
        new SingleGet(conditions),
        new BulkPutAndGet(conditions),
        new OpenTransaction(conditions),
        new DeepBacklog(conditions),
        new Latency(conditions),
        new WaitingConsumers(conditions),
        new Footprint(conditions),
        new SteadyState(conditions),
        new Starts(conditions),
        new CostOfSafety(conditions),
        new CostOfTelemetry(conditions),
        new CostOfLater(conditions),
        new WhereTimeGoes(conditions),
    ];
}
