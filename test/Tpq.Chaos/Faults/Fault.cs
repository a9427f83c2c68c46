namespace Tpq.Chaos.Faults;

/// <summary>Something that goes wrong.</summary>
/// <param name="Name">In the command line and the report.</param>
/// <param name="Class">How often it can strike.</param>
/// <param name="StrikeAsync">Makes it happen, and returns when it is over. False where it could not happen just then, which does not count.</param>
/// <param name="IsPossible">Whether the world has what it takes; null where it always has.</param>
sealed record Fault(string Name, FaultClass Class, Func<Scene, Task<bool>> StrikeAsync, Func<World, bool>? IsPossible = null)
{
    public static readonly IReadOnlyList<Fault> All =
        [.. ProcessFaults.All, .. WireFaults.All, .. ServerFaults.All, .. TableFaults.All, .. OpenTransactions.All, DiskFaults.Full, PoolerFaults.Restart, Failover.Kind];
}
