namespace Tpq.Bench.Scenarios;

static class ScenarioCatalog
{
    /// <summary>All scenarios, in the order of their letters.</summary>
    public static IReadOnlyList<Scenario> Create(Conditions conditions) =>
    [
        .. Comparisons(conditions),
        new CostOfSafety(conditions),
        new CostOfTelemetry(conditions),
        new CostOfLater(conditions),
        new WhereTimeGoes(conditions),
        new CostOfThreadPool(conditions),
        new CostOfDoorbell(conditions),
    ];

    /// <summary>Those that put the systems side by side; the others say what parts of tpq cost, and where the time goes.</summary>
    public static IReadOnlyList<Scenario> Comparisons(Conditions conditions) =>
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
    ];
}
