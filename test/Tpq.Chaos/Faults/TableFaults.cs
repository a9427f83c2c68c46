using Npgsql;

namespace Tpq.Chaos.Faults;

/// <summary>What administrators do, while messages pass.</summary>
static class TableFaults
{
    public static readonly Fault[] All =
    [
        new("vacuum-full", FaultClass.Costly, static scene => LockingAsync(scene, $"VACUUM FULL tpq_{Names.Queue}")),
        new("reindex", FaultClass.Costly, static scene => LockingAsync(scene, $"REINDEX TABLE tpq_{Names.Queue}")),
        new("alter-table", FaultClass.Costly, static scene => LockingAsync(scene,
            $"ALTER TABLE tpq_{Names.Queue} ADD COLUMN note text; ALTER TABLE tpq_{Names.Queue} DROP COLUMN note")),
        new("upgrade", FaultClass.Costly, static async scene => { await scene.World.Client.Queue(Names.Queue).UpgradeAsync(scene.Token); return true; }),
    ];

    /// <summary>Waits for whoever has a message in hand, and everybody waits behind it: so not for long.</summary>
    static async Task<bool> LockingAsync(Scene scene, string sql)
    {
        await using NpgsqlConnection connection = await scene.World.DataSource.OpenConnectionAsync(scene.Token);
        try
        {
            foreach (string statement in (string[])["SET lock_timeout = '2s'", sql, "RESET lock_timeout"])
            {
                await using var command = new NpgsqlCommand(statement, connection);
                await command.ExecuteNonQueryAsync(scene.Token);
            }
            return true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
        {
            return false;
        }
    }
}
