namespace Tpq.Chaos.Faults;

/// <summary>PgBouncer in transaction mode, through which some of the processes go.</summary>
static class PoolerFaults
{
    public static readonly Fault Restart = new("restart-pooler", FaultClass.Costly, RestartAsync, static world => world.Pooler is not null);

    static async Task<bool> RestartAsync(Scene scene)
    {
        await scene.World.Pooler!.StopAsync();
        await scene.PauseAsync(0, 1);
        await scene.World.Pooler.StartAgainAsync();
        return true;
    }
}
