using Npgsql;
using Tpq.Embedded;

namespace Tpq.Chaos.Faults;

/// <summary>A disk that fills up, under the data and the log of the server.</summary>
static class DiskFaults
{
    public static readonly Fault Full = new("disk-full", FaultClass.Costly, FillAsync, static world => world.Disk is not null);

    static async Task<bool> FillAsync(Scene scene)
    {
        SmallDisk disk = scene.World.Disk!;
        try
        {
            disk.Fill();
            await scene.PauseAsync(1, 5);
        }
        finally
        {
            disk.Free();
        }
        await StartUntilItAnswersAsync(scene);
        return true;
    }

    /// <summary>A server that could not write its log has panicked, and gives up where it cannot recover either: somebody has to start it again.</summary>
    static async Task StartUntilItAnswersAsync(Scene scene)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await scene.World.Server.StartAgainAsync(scene.Token);
                await scene.World.ExecuteAsync("SELECT", scene.Token);
                return;
            }
            catch (Exception e) when (attempt < 100 && e is NpgsqlException or EmbeddedPostgresException)
            {
                // It recovers, or is about to end, and tells nobody when it has: it is asked again, so often at most.
                await Task.Delay(100, scene.Token);
            }
        }
    }
}
