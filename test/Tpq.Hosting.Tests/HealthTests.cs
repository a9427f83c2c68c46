using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Tpq.Hosting.Tests.Fixtures;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Hosting.Tests;

public sealed class HealthTests(Server server) : HostTest(server)
{
    IHost _host = null!;

    [Fact]
    public async Task HealthyQueues_AreHealthy_AndTellTheirDepth()
    {
        Tpq.AddQueue("orders", create: true);
        App.Services.AddHealthChecks().AddTpq(o => (o.MaxOldestAge, o.MaxDeadLetters) = (TimeSpan.FromHours(1), 0));
        await StartAsync();
        await Client.Queue("orders").PutAsync("1", Token);
        HealthReportEntry entry = await CheckAsync();
        Assert.Equal((HealthStatus.Healthy, null), (entry.Status, entry.Description));
        Assert.Equal((1L, 0L), (entry.Data["orders.ready"], entry.Data["orders.dead"]));
    }

    [Fact]
    public async Task AQueueThatIsMissing_IsUnhealthy_OrWhatIsChosen()
    {
        App.Services.AddTpq();
        App.Services.AddHealthChecks().AddTpq(o => o.Queues.Add("nowhere")).AddTpq(o => o.Queues.Add("nowhere"), "soft", HealthStatus.Degraded, ["ready"]);
        await StartAsync();
        HealthReportEntry entry = await CheckAsync(), soft = await CheckAsync("soft");
        Assert.Equal((HealthStatus.Unhealthy, HealthStatus.Degraded), (entry.Status, soft.Status));
        Assert.Contains("there is no queue \"nowhere\"", entry.Description, StringComparison.Ordinal);
        Assert.Equal(["ready"], soft.Tags);
    }

    [Fact]
    public async Task ADatabaseThatIsNotReached_IsUnhealthy_AndNoPasswordIsTold()
    {
        HostApplicationBuilder app = NewApp();
        app.Services.AddTpq("Host=127.0.0.1;Port=1;Username=a;Password=geheim;Database=b");
        app.Services.AddHealthChecks().AddTpq(o => o.Queues.Add("orders"));
        await StartAsync(app);
        HealthReportEntry entry = await CheckAsync();
        Assert.Equal(HealthStatus.Unhealthy, entry.Status);
        Assert.StartsWith("The database of the queues is not reached: ", entry.Description, StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", $"{entry.Description}{entry.Exception}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task AMessageThatWaitsTooLong_ADeadLetterTooMany_AndAnOldSchema_AreDegraded()
    {
        Tpq.AddQueue("orders", create: true).AddQueue("python");
        App.Services.AddHealthChecks().AddTpq(o => (o.MaxOldestAge, o.MaxDeadLetters) = (TimeSpan.FromMinutes(1), 1));
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".tpq_python (id bigserial PRIMARY KEY, data json NOT NULL)");
        await StartAsync();
        await Client.Queue("orders").PutAsync("1", Token);
        await ExecuteAsync($"UPDATE \"{Schema}\".tpq_orders SET enqueued_at = now() - interval '90 seconds'");
        await Client.Queue("orders_dead").CreateAsync(cancellationToken: Token);
        await Client.Queue("orders_dead").PutManyAsync(["1", "2"], Token);
        HealthReportEntry entry = await CheckAsync();
        Assert.Equal(HealthStatus.Degraded, entry.Status);
        Assert.Matches("the oldest message of queue \"orders\" has waited for 0\\.00:01:3\\d, longer than 0\\.00:01:00; queue \"orders\" has 2 dead letters, more than 1.*; "
            + "queue \"python\" was made by the Python tpq.*: tpq upgrade python", entry.Description);
    }

    [Fact]
    public async Task AListenerThatIsLost_IsDegraded_UntilItIsBack()
    {
        Tpq.AddQueue("orders", create: true).AddConsumer("orders", (_, _, _) => Task.CompletedTask);
        App.Services.AddHealthChecks().AddTpq();
        await StartAsync();
        await EventuallyAsync(async () => await CutListenersAsync() && (await CheckAsync()) is { Status: HealthStatus.Degraded, Description: { } description }
            && description.Contains("the listening connection was lost", StringComparison.Ordinal), "it is told");
        await EventuallyAsync(async () => (await CheckAsync()).Status == HealthStatus.Healthy, "it is back");
    }

    /// <summary>The doorman's session, which listens.</summary>
    Task<bool> CutListenersAsync() => ScalarAsync<bool>(
        $"SELECT coalesce(bool_or(pg_terminate_backend(pid)), false) FROM pg_locks WHERE classid = {Doorbell.ElectionLocks} AND objid = 'tpq_orders'::regclass AND granted");

    async Task<HealthReportEntry> CheckAsync(string name = "tpq") =>
        (await _host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Token)).Entries[name];

    new async Task<IHost> StartAsync(HostApplicationBuilder? app = null) => _host = await base.StartAsync(app);

    [Fact]
    public async Task WithoutAClient_TheErrorSaysWhatToCall()
    {
        HostApplicationBuilder app = NewApp();
        app.Services.AddHealthChecks().AddTpq();
        IHost host = await StartAsync(app);
        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(() => host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Token));
        Assert.Contains("call services.AddTpq() first", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Limits_AreChecked()
    {
        var options = new TpqHealthOptions();
        Assert.Throws<ArgumentOutOfRangeException>(() => options.MaxOldestAge = TimeSpan.Zero);
        Assert.Throws<ArgumentOutOfRangeException>(() => options.MaxDeadLetters = -1);
    }
}
