using Npgsql;
using Tpq.Embedded;

namespace Tpq.Tests;

/// <summary>Tests that stop, kill or configure a server: each has one of its own.</summary>
public sealed class ServerFaultTests
{
    static readonly TimeSpan AMinute = TimeSpan.FromMinutes(1);

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AWait_SurvivesARestartOfTheServer_AndThenGetsTheMessage(bool crash)
    {
        await using EmbeddedPostgres server = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        await using var client = new TpqClient(server.Url);
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        using var stop = new CancellationTokenSource();
        var consumed = new TaskCompletionSource<string>();
        Task<TpqDelivery?> get = queue.GetAsync(AMinute, Token);
        TpqQueue other = client.Queue("other");
        await other.CreateAsync(cancellationToken: Token);
        Task consume = other.ConsumeAsync((delivery, _) =>
        {
            consumed.TrySetResult(delivery.Message.Json);
            return Task.CompletedTask;
        }, null, stop.Token);
        if (crash)
            await server.KillAsync(Token);
        else
            await server.StopAsync(cancellationToken: Token);
        await server.StartAgainAsync(Token);
        await using (var later = new TpqClient(server.Url))
        {
            await later.Queue("orders").PutAsync("1", Token);
            await later.Queue("other").PutAsync("2", Token);
        }
        await using (TpqDelivery? delivery = await get)
            Assert.Equal("1", delivery!.Message.Json);
        Assert.Equal("2", await consumed.Task);
        await stop.CancelAsync();
        await consume;
    }

    [Fact]
    public async Task AMessageInHand_IsBack_WhenTheServerCrashes()
    {
        await using EmbeddedPostgres server = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        await using var client = new TpqClient(server.Url);
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        await queue.PutManyAsync(["1", "2"], Token);
        await using TpqDelivery held = (await queue.GetAsync(cancellationToken: Token))!;
        await server.KillAsync(Token);
        await server.StartAgainAsync(Token);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => held.CommitAsync(Token));
        await using var later = new TpqClient(server.Url);
        await using TpqBatch batch = (await later.Queue("orders").GetManyAsync(5, cancellationToken: Token))!;
        Assert.Equal(["1", "2"], batch.Select(m => m.Json));
    }

    [Fact]
    public async Task TheMarkOfADeath_OutlivesACrash_OnceItIsOnDisk_AndIsTakenAwayByFreezing()
    {
        await using EmbeddedPostgres server = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        await using (var client = new TpqClient(server.Url))
        {
            TpqQueue queue = client.Queue("orders");
            await queue.CreateAsync(cancellationToken: Token);
            await queue.PutManyAsync(["1", "2"], Token);
            await using TpqDelivery held = (await queue.GetAsync(cancellationToken: Token))!;
            await ExecuteAsync(client, "CHECKPOINT");
            await server.KillAsync(Token);
        }
        await server.StartAgainAsync(Token);
        await using var later = new TpqClient(server.Url);
        await using (TpqBatch batch = (await later.Queue("orders").GetManyAsync(5, cancellationToken: Token))!)
            Assert.Equal([true, false], batch.Select(m => m.IsSuspect));
        await ExecuteAsync(later, "VACUUM (FREEZE) tpq_orders");
        await using (TpqBatch batch = (await later.Queue("orders").GetManyAsync(5, cancellationToken: Token))!)
            Assert.Equal([false, false], batch.Select(m => m.IsSuspect));
    }

    static async Task ExecuteAsync(TpqClient client, string sql)
    {
        await using NpgsqlCommand command = client.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Token);
    }

    [Fact]
    public async Task AnUnreachableDatabase_IsAnError_AtTheFirstUse_HoweverLongTheWait()
    {
        await using var client = new TpqClient("postgresql://u:p@127.0.0.1:1/d");
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => client.Queue("orders").GetAsync(AMinute, Token));
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => client.Queue("orders").PutAsync("1", Token));
    }

    [Fact]
    public async Task AnOutage_IsAnError_WhenItOutlastsTheWait_SoThatNullMeansEmpty()
    {
        await using EmbeddedPostgres server = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        await using var client = new TpqClient(server.Url);
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        Assert.Null(await queue.GetAsync(cancellationToken: Token));
        Task<TpqDelivery?> get = queue.GetAsync(TimeSpan.FromSeconds(3), Token);
        await server.StopAsync(cancellationToken: Token);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => get);
    }

    /// <summary>A COMMIT whose wait for the standby is cancelled answers with success and a warning.</summary>
    [Fact]
    public async Task ACommitThatGaveUpWaitingForItsStandby_IsAnOutcomeUnknown()
    {
        await using EmbeddedPostgres server = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions
        {
            // A standby that never comes. Sessions that do not ask for it do not wait.
            Settings = new Dictionary<string, string> { ["synchronous_standby_names"] = "nobody", ["synchronous_commit"] = "local" },
        }, Token);
        await using (var client = new TpqClient(server.Url))
        {
            await client.Queue("orders").CreateAsync(cancellationToken: Token);
            await client.Queue("orders").PutManyAsync(["1", "2"], Token);
        }
        await using var waiting = new TpqClient($"{server.ConnectionString};Options=-c synchronous_commit=on -c client_min_messages=error;Command Timeout=1;Internal Command Timeout=3");
        TpqQueue queue = waiting.Queue("orders");

        Task put = queue.PutAsync("3", Token);
        Assert.Contains("outcome of COMMIT is unknown", (await CancelledAsync(put)).Message, StringComparison.Ordinal);

        using var cancel = new CancellationTokenSource();
        await using TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!;
        Task commit = delivery.CommitAsync(cancel.Token);
        await cancel.CancelAsync();
        Assert.Contains("outcome of COMMIT is unknown", (await CancelledAsync(commit)).Message, StringComparison.Ordinal);

        await using TpqBatch batch = (await queue.GetManyAsync(5, cancellationToken: Token))!;
        Assert.Equal(["2", "3"], batch.Select(m => m.Json));
        Assert.Contains("outcome of COMMIT is unknown", (await CancelledAsync(batch.CommitAsync(Token))).Message, StringComparison.Ordinal);

        async Task<TpqException> CancelledAsync(Task work)
        {
            await using NpgsqlDataSource admin = NpgsqlDataSource.Create(server.ConnectionString);
            // Longer than the command timeout: a commit has none.
            const string cancelWaiting = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query_start < clock_timestamp() - interval '3.5 s'";
            while (!work.IsCompleted)
            {
                await using NpgsqlCommand command = admin.CreateCommand(cancelWaiting);
                await command.ExecuteScalarAsync(Token);
            }
            return await Assert.ThrowsAsync<TpqException>(() => work);
        }
    }
}
