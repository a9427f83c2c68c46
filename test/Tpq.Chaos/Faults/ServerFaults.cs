using Npgsql;

namespace Tpq.Chaos.Faults;

/// <summary>The server dies, restarts, or refuses.</summary>
static class ServerFaults
{
    public static readonly Fault[] All =
    [
        new("terminate-backend", FaultClass.Cheap, TerminateAsync),
        new("crash-server", FaultClass.Costly, static async scene =>
        {
            await scene.World.Server.KillAsync(scene.Token);
            await scene.World.Server.StartAgainAsync(scene.Token);
            return true;
        }),
        new("restart-immediate", FaultClass.Costly, static scene => RestartAsync(scene, immediate: true)),
        new("restart-fast", FaultClass.Costly, static scene => RestartAsync(scene, immediate: false)),
        new("too-many-connections", FaultClass.Costly, FillConnectionsAsync),
    ];

    static async Task<bool> RestartAsync(Scene scene, bool immediate)
    {
        await scene.World.Server.RestartAsync(immediate, scene.Token);
        return true;
    }

    static async Task<bool> TerminateAsync(Scene scene)
    {
        List<int> sessions = await scene.World.ListAsync<int>(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'chaos process %' ORDER BY pid", scene.Token);
        if (sessions.Count == 0)
            return false;
        int victim = sessions[scene.Random.Next(sessions.Count)];
        return await scene.World.ScalarAsync<bool>($"SELECT pg_terminate_backend({victim})", scene.Token);
    }

    /// <summary>Takes all connections that the server has, for a while.</summary>
    static async Task<bool> FillConnectionsAsync(Scene scene)
    {
        var settings = new NpgsqlConnectionStringBuilder(scene.World.Direct.ConnectionString) { Pooling = false };
        var taken = new List<NpgsqlConnection>();
        try
        {
            while (true)
            {
                var connection = new NpgsqlConnection(settings.ConnectionString);
                taken.Add(connection);
                await connection.OpenAsync(scene.Token);
            }
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.TooManyConnections)
        {
            await scene.PauseAsync(0.5, 2);
            return true;
        }
        finally
        {
            foreach (NpgsqlConnection connection in taken)
                await connection.DisposeAsync();
        }
    }
}
