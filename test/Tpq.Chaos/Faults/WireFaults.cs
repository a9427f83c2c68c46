namespace Tpq.Chaos.Faults;

/// <summary>Connections that break, each in its own way.</summary>
static class WireFaults
{
    public static readonly Fault[] All =
    [
        new("cut", FaultClass.Cheap, static scene => { scene.World.Proxy.Cut(scene.Half); return Task.FromResult(true); }),
        new("cut-at-commit", FaultClass.Cheap, static scene => scene.World.Proxy.CutNextCommitAsync(TimeSpan.FromSeconds(2))),
        new("half-open", FaultClass.Cheap, static scene => { scene.World.Proxy.HalfOpen(scene.Half); return Task.FromResult(true); }),
        new("stall", FaultClass.Costly, StallAsync),
    ];

    static async Task<bool> StallAsync(Scene scene)
    {
        scene.World.Proxy.Stall();
        await scene.PauseAsync(0.5, 4);
        scene.World.Proxy.Resume();
        return true;
    }
}
