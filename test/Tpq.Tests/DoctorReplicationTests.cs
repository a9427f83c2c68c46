using Npgsql;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>What a standby does to its primary, and what the doctor says at a standby.</summary>
public sealed class DoctorReplicationTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AQueryOnAStandby_IsFound_AndWhatItsSlotKeepsWhenItHasGone()
    {
        await using PrimaryAndStandby servers = await PrimaryAndStandby.StartAsync("standby_1", Token);
        await using var client = new TpqClient($"{servers.Primary.ConnectionString};Pooling=false");
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        await FoundAsync(client, static found => found.Length == 0);
        await using (NpgsqlDataSource standby = NpgsqlDataSource.Create(servers.Standby.ConnectionString))
        {
            await using NpgsqlConnection report = await standby.OpenConnectionAsync(Token);
            await using NpgsqlTransaction transaction = await report.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, Token);
            await ExecuteAsync(report, "SELECT count(*) FROM tpq_orders");
            foreach (int number in Enumerable.Range(0, 10))
                await queue.PutAsync($"{number}", Token);

            Finding held = Assert.Single(await FoundAsync(client, static found => found.Length > 0));
            Assert.Equal(("standby", Severity.Warning), (held.Check, held.Severity));
            Assert.Matches("^The reader of slot \"standby_1\" holds rows back for [0-9]+ transactions\\.$", held.Evidence);

            Finding atStandby = Assert.Single(await ExamineAsync(servers.Standby.ConnectionString));
            Assert.Equal(("read-only", Severity.Error), (atStandby.Check, atStandby.Severity));
            // Whose consumers have their locks at the primary.
            Finding[] waiting = await ExamineAsync(servers.Standby.ConnectionString, new DoctorLimits { Unconsumed = TimeSpan.Zero });
            Assert.Equal(["read-only", "visibility"], waiting.Select(f => f.Check));
            Assert.Equal("At the primary: tpq doctor", waiting[1].Remedy);
            Assert.Contains(await ExamineAsync(servers.Primary.ConnectionString, new DoctorLimits { Unconsumed = TimeSpan.Zero }), f => f.Check == "no-consumer");

            // In the words of the remedy.
            await using NpgsqlConnection healer = await standby.OpenConnectionAsync(Token);
            await ExecuteAsync(healer, held.Remedy["On the standby: ".Length..]);
            await FoundAsync(client, static found => found.Length == 0);
            await servers.Standby.KillAsync(Token);
        }
        // Else a commit waits for the standby that has gone.
        await using (NpgsqlConnection connection = await client.DataSource.OpenConnectionAsync(Token))
        {
            await ExecuteAsync(connection, "ALTER SYSTEM SET synchronous_standby_names = ''");
            await ExecuteAsync(connection, "SELECT pg_reload_conf()");
            Finding kept = Assert.Single(await FoundAsync(client, static found => found.Length > 0));
            Assert.Equal(("replication-slot", Severity.Error), (kept.Check, kept.Severity));
            await ExecuteAsync(connection, kept.Remedy);
        }
        await FoundAsync(client, static found => found.Length == 0);
    }

    static async Task<Finding[]> ExamineAsync(string connectionString, DoctorLimits? limits = null)
    {
        await using var client = new TpqClient(connectionString);
        return await ExamineAsync(client, limits);
    }

    /// <summary>All but the end of the server's support, which comes by itself.</summary>
    static async Task<Finding[]> ExamineAsync(TpqClient client, DoctorLimits? limits = null) =>
        [.. (await new Doctor(client, limits ?? new DoctorLimits { StandbyAge = 5 }).ExamineAsync([], Token)).Findings.Where(static f => f.Check is not "server-version")];

    static async Task<Finding[]> FoundAsync(TpqClient client, Func<Finding[], bool> isSeen)
    {
        Finding[] found = [];
        await DatabaseTest.EventuallyAsync(async () => isSeen(found = await ExamineAsync(client)), "what is expected is found");
        return found;
    }

    static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Token);
    }
}
