using System.Data;
using System.Diagnostics;
using Npgsql;

namespace Tpq.Chaos.Faults;

/// <summary>Transactions that somebody leaves open for minutes: what is consumed meanwhile cannot be vacuumed. They count where it was a minute.</summary>
static class OpenTransactions
{
    static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    public static readonly Fault[] All =
    [
        new("open-snapshot", FaultClass.Lasting, ReadAsync),
        new("open-transaction", FaultClass.Lasting, PutAsync),
    ];

    /// <summary>A report, say.</summary>
    static Task<bool> ReadAsync(Scene scene) => HoldAsync(scene, IsolationLevel.RepeatableRead, async transaction =>
    {
        await using var command = new NpgsqlCommand($"SELECT count(*) FROM {Names.Ledger}", transaction.Connection, transaction);
        await command.ExecuteScalarAsync(scene.Token);
        return await LastAsync(scene, transaction);
    });

    /// <summary>A caller's, with a message in it: the id is drawn now, and seen when all behind it have been handled.</summary>
    static Task<bool> PutAsync(Scene scene) => HoldAsync(scene, IsolationLevel.ReadCommitted, async transaction =>
    {
        bool hasLasted = false;
        await scene.Probe.PutAsync(async message =>
        {
            await scene.World.Client.Queue(Names.Queue).In(transaction).PutAsync(message, scene.Token);
            hasLasted = await LastAsync(scene, transaction);
            await transaction.CommitAsync(scene.Token);
        });
        return hasLasted;
    });

    static async Task<bool> HoldAsync(Scene scene, IsolationLevel level, Func<NpgsqlTransaction, Task<bool>> holdAsync)
    {
        await using NpgsqlConnection connection = await scene.World.DataSource.OpenConnectionAsync(scene.Token);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(level, scene.Token);
        return await holdAsync(transaction);
    }

    /// <summary>Throws where another fault has broken it.</summary>
    static async Task<bool> LastAsync(Scene scene, NpgsqlTransaction transaction)
    {
        long began = Stopwatch.GetTimestamp();
        TimeSpan length = Minute * (1 + (scene.Random.NextDouble() * 2));
        while (Stopwatch.GetElapsedTime(began) < length && !scene.Peace.IsCancellationRequested)
        {
            await scene.PauseUntilPeaceAsync(1, 1);
            await using var command = new NpgsqlCommand("SELECT", transaction.Connection, transaction);
            await command.ExecuteNonQueryAsync(scene.Token);
        }
        return Stopwatch.GetElapsedTime(began) >= Minute;
    }
}
