using Tpq.Bench.Floor;

namespace Tpq.Bench.Systems;

/// <summary>All systems, in the order in which the page shows them.</summary>
static class Catalog
{
    const string Wolverine = "WolverineFx.Postgresql";
    const string WolverineReason = "not measured: it needs a package, Patched.DistributedLock.Core, that plain NuGet restore does not find";

    const string DotNetWorkQueue = "DotNetWorkQueue";
    const string DotNetWorkQueueReason = "not measured: plain NuGet restore did not find its package DotNetWorkQueue.Transport.PostgreSQL";

    public static IReadOnlyList<string> Names { get; } =
    [
        FloorSystem.SystemName, TpqSystem.SystemName, TextbookSystem.SystemName, RebusSystem.SystemName, HangfireSystem.SystemName,
        PgBossSystem.SystemName, GraphileWorkerSystem.SystemName, PgqSystem.SystemName, Wolverine, DotNetWorkQueue,
    ];

    /// <summary>What a quick run takes: the peers take too long to start.</summary>
    public static IReadOnlyList<string> Own { get; } = [FloorSystem.SystemName, TpqSystem.SystemName, TextbookSystem.SystemName];

    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="database">Where it works.</param>
    /// <param name="binDirectory">The folder of PostgreSQL's programs.</param>
    public static QueueSystem Create(string name, Database database, string binDirectory = "") => name switch
    {
        FloorSystem.SystemName => new FloorSystem(database, binDirectory),
        TpqSystem.SystemName => new TpqSystem(database),
        TextbookSystem.SystemName => new TextbookSystem(database),
        RebusSystem.SystemName => new RebusSystem(database),
        HangfireSystem.SystemName => new HangfireSystem(database),
        PgBossSystem.SystemName => new PgBossSystem(database),
        GraphileWorkerSystem.SystemName => new GraphileWorkerSystem(database),
        PgqSystem.SystemName => new PgqSystem(database),
        DotNetWorkQueue => new UnavailableSystem(database, name, DotNetWorkQueueReason),
        Wolverine => new UnavailableSystem(database, name, WolverineReason),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "There is no such system."),
    };
}
