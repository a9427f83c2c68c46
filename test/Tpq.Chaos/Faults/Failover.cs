namespace Tpq.Chaos.Faults;

/// <summary>The primary is killed, its standby promoted, and followed by a new standby. The clients find the primary by themselves.</summary>
static class Failover
{
    public static readonly Fault Kind = new("failover", FaultClass.Costly, StrikeAsync, static world => world.Standby != Standby.None);

    static async Task<bool> StrikeAsync(Scene scene)
    {
        // One that is waited for by nobody is behind when it counts: what is acknowledged now is lost.
        if (scene.World.Standby == Standby.Asynchronous)
            await scene.World.Cluster.HoldUpReplicationAsync(() => scene.PauseAsync(0, 1));
        await scene.World.Cluster.FailOverAsync(scene.Token);
        return true;
    }
}
