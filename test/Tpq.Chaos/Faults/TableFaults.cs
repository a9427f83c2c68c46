using Npgsql;

namespace Tpq.Chaos.Faults;

/// <summary>What administrators do, while messages pass.</summary>
static class TableFaults
{
    public static readonly Fault[] All =
    [
        new("open-transaction", true, HoldTransactionAsync),
        new("vacuum-full", true, static scene => LockingAsync(scene, $"VACUUM FULL tpq_{Names.Queue}")),
        new("reindex", true, static scene => LockingAsync(scene, $"REINDEX TABLE tpq_{Names.Queue}")),
        new("alter-table", true, static scene => LockingAsync(scene,
            $"ALTER TABLE tpq_{Names.Queue} ADD COLUMN note text; ALTER TABLE tpq_{Names.Queue} DROP COLUMN note")),
        new("upgrade", true, static async scene => { await scene.World.Client.Queue(Names.Queue).UpgradeAsync(scene.Token); return true; }),
    ];

    /// <summary>A report, say: what is consumed meanwhile cannot be vacuumed.</summary>
    static async Task<bool> HoldTransactionAsync(Scene scene)
    {
        await using NpgsqlConnection connection = await scene.World.Administration.OpenConnectionAsync(scene.Token);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, scene.Token);
        await using var command = new NpgsqlCommand($"SELECT count(*) FROM {Names.Ledger}", connection);
        await command.ExecuteScalarAsync(scene.Token);
        await scene.PauseAsync(2, 5);
        return true;
    }

    /// <summary>Waits for whoever has a message in hand, and everybody waits behind it: so not for long.</summary>
    static async Task<bool> LockingAsync(Scene scene, string sql)
    {
        await using NpgsqlConnection connection = await scene.World.Administration.OpenConnectionAsync(scene.Token);
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
