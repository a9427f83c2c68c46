using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Npgsql;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Behind a real PgBouncer.</summary>
public sealed class PoolerTests(Server server, PgBouncerPackage package) : DatabaseTest(server), IClassFixture<PgBouncerPackage>
{
    [Fact]
    public async Task InTransactionMode_ItPolls_PreparesNothing_AndSaysSoOnce()
    {
        Need();
        await NewQueueAsync();
        await using PgBouncer bouncer = await PgBouncer.StartAsync(package, Server.KeywordsOf(Server.Url), "transaction");
        using var logs = new FakeLoggerProvider();
        using ILoggerFactory loggers = LoggerFactory.Create(builder => builder.AddProvider(logs).SetMinimumLevel(LogLevel.Warning));
        await using var client = new TpqClient(bouncer.Keywords, new TpqClientOptions { Schema = Schema, LoggerFactory = loggers });
        TpqQueue queue = client.Queue("orders");
        Task<TpqDelivery?> waiting = queue.GetAsync(TimeSpan.FromMinutes(1), Token);
        await EventuallyAsync(() => Task.FromResult(logs.Collector.GetSnapshot().Any(r => r.Id == 1013)), "it finds the pooler");
        await queue.PutAsync("\"waited for\"", Token);
        await using (TpqDelivery delivery = (await waiting)!)
        {
            Assert.Equal("\"waited for\"", delivery.Message.Json);
            await delivery.CommitAsync(Token);
        }
        // More at once than there are sessions, over and over: a prepared statement would be missing in one, or be there twice.
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => Task.Run(async () =>
        {
            for (int n = 0; n < 20; n++)
            {
                await queue.PutAsync($"[{i},{n}]", Token);
                await using TpqDelivery delivery = (await queue.GetAsync(TimeSpan.FromMinutes(1), Token))!;
                await delivery.CommitAsync(Token);
            }
        }, Token)));
        Assert.Equal(0, await queue.CountAsync(Token));
        Assert.Single(logs.Collector.GetSnapshot(), r => r.Level >= LogLevel.Warning);
    }

    [Fact]
    public async Task InSessionMode_TheBellWakes()
    {
        Need();
        TpqQueue queue = await NewQueueAsync();
        await using PgBouncer bouncer = await PgBouncer.StartAsync(package, Server.KeywordsOf(Server.Url), "session");
        await using var client = new TpqClient(bouncer.Keywords, new TpqClientOptions { Schema = Schema, LooksByClock = false });
        Task<TpqDelivery?> waiting = client.Queue("orders").GetAsync(TimeSpan.FromMinutes(1), Token);
        await EventuallyAsync(() => Task.FromResult(client.State("orders").Sleepers is { AreServed: true, CountAsleep: 1 }), "it sleeps");
        await queue.PutAsync("1", Token);
        await using TpqDelivery delivery = (await waiting)!;
        Assert.Equal("1", delivery.Message.Json);
    }

    [Theory]
    [InlineData("transaction", true)]
    [InlineData("session", false)]
    public async Task TheDoctor_FindsIt_WhereItIsInTheWay(string poolMode, bool isFound)
    {
        Need();
        await using PgBouncer bouncer = await PgBouncer.StartAsync(package, Server.KeywordsOf(Server.Url), poolMode);
        await using var client = new TpqClient(bouncer.Keywords, new TpqClientOptions { Schema = Schema });
        // Of the server of the whole run others may be found.
        Diagnosis diagnosis = await new Doctor(client).ExamineAsync([], Token);
        Finding[] found = [.. diagnosis.Findings.Where(f => f.Check == "pooler")];
        Assert.Equal(isFound ? [Severity.Warning] : [], found.Select(f => f.Severity));
        Assert.All(found, f => Assert.Contains("pool_mode = session", f.Remedy));
    }

    /// <summary>Why the self-test takes a second connection: in transaction mode one's own notification comes back all the same, by the session's reply.</summary>
    [Fact]
    public async Task InTransactionMode_ANotificationToOneself_ProvesNothing()
    {
        Need();
        await using PgBouncer bouncer = await PgBouncer.StartAsync(package, Server.KeywordsOf(Server.Url), "transaction");
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create(bouncer.Keywords);
        await using NpgsqlConnection connection = await dataSource.OpenConnectionAsync(Token);
        int heard = 0;
        connection.Notification += (_, _) => heard++;
        await ExecuteAsync(connection, $"LISTEN \"{Schema}\"");
        await ExecuteAsync(connection, $"NOTIFY \"{Schema}\"");
        await ExecuteAsync(connection, "SELECT 1");
        Assert.Equal(1, heard);
        Assert.NotEqual(connection.ProcessID, await ScalarAsync<int>(connection, "SELECT pg_backend_pid()"));
    }

    static void Need() => Assert.SkipUnless(PgBouncerPackage.IsPossible, "There is neither a pgbouncer nor an apt to fetch it with.");
}
