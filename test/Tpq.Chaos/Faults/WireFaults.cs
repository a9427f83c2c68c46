namespace Tpq.Chaos.Faults;

/// <summary>Connections that break, each in its own way.</summary>
static class WireFaults
{
    public static readonly Fault[] All =
    [
        new("cut", false, static scene => { scene.World.Proxy.Cut(scene.Half); return Task.FromResult(true); }),
        new("cut-at-commit", false, CutAtCommitAsync),
        new("half-open", false, static scene => { scene.World.Proxy.HalfOpen(scene.Half); return Task.FromResult(true); }),
        new("stall", true, StallAsync),
    ];

    /// <summary>The server has committed, and nobody is told.</summary>
    static async Task<bool> CutAtCommitAsync(Scene scene)
    {
        scene.World.Proxy.CutAtCommit(1);
        for (int i = 0; i < 200 && scene.World.Proxy.CutsAtCommitLeft > 0; i++)
        {
            // It happens when a client commits next, which nobody tells.
            await Task.Delay(10, scene.Token);
        }
        bool isCut = scene.World.Proxy.CutsAtCommitLeft == 0;
        scene.World.Proxy.CutAtCommit(0);
        return isCut;
    }

    static async Task<bool> StallAsync(Scene scene)
    {
        scene.World.Proxy.Stall();
        await scene.PauseAsync(0.5, 4);
        scene.World.Proxy.Resume();
        return true;
    }
}
