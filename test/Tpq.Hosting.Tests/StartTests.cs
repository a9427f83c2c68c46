using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Tpq.Hosting.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.Hosting.Tests;

/// <summary>What happens when the host starts, and what lets it not.</summary>
public sealed class StartTests(Server server) : HostTest(server)
{
    readonly Seen _seen = new();

    [Fact]
    public async Task AQueueThatIsMissing_StopsTheStart_BeforeAnythingHasStarted()
    {
        App.Services.AddHostedService(_ => new OtherService(() => _seen.Add(null)));
        Tpq.AddQueue("other").AddConsumer("orders", Ignore);
        TpqQueueNotFoundException error = await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Build().StartAsync(Token));
        Assert.Equal("orders", error.Queue);
        Assert.Contains("CreateAsync (or: tpq create orders) makes it", error.Message, StringComparison.Ordinal);
        Assert.Contains(Complaints, r => r.Category == "Tpq" && r.Message.Contains("AddQueue with create: true creates it", StringComparison.Ordinal));
        Assert.True(_seen.IsEmpty);
    }

    [Fact]
    public async Task AQueueToBeCreated_IsThere_BeforeTheFirstServiceStarts_AndKeepsItsMessages()
    {
        App.Services.Insert(0, ServiceDescriptor.Singleton<IHostedService>(
            _ => new OtherService(async () => _seen.Add(await Client.Queue("orders").PutAsync("1", Token)))));
        Tpq.AddQueue("orders", create: true, o => o.Notify = TpqNotify.Never);
        await StartAsync();
        Assert.Equal(1L, await _seen.NextAsync());
        Assert.Equal(0, await ScalarAsync<long>("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'tpq_orders'::regclass"));
        HostApplicationBuilder again = NewApp();
        AddTpq(again).AddQueue("orders", create: true);
        await StartAsync(again);
        Assert.Equal(1, await Client.Queue("orders").CountAsync(Token));
    }

    [Fact]
    public async Task ManyHosts_MayCreateAQueueAtOnce()
    {
        HostApplicationBuilder[] apps = [.. Enumerable.Range(0, 6).Select(_ => NewApp())];
        foreach (HostApplicationBuilder app in apps)
            AddTpq(app).AddQueue("orders", create: true).AddConsumer("orders", Handle);
        IHost[] hosts = [.. apps.Select(Build)];
        await Task.WhenAll(hosts.Select(h => h.StartAsync(Token)));
        await Client.Queue("orders").PutAsync("1", Token);
        Assert.Equal("1", await _seen.NextAsync());
        Assert.Single(Logs.GetSnapshot(), r => r.Message == "Created queue orders");
    }

    [Theory]
    [InlineData(true, "permission denied for schema")]
    [InlineData(false, "permission denied for table tpq_orders")]
    public async Task ARightThatIsMissing_StopsTheStart_AndTheLogNamesTheQueue(bool creates, string reason)
    {
        if (!creates)
            await NewQueueAsync();
        await using LimitedRole role = await LimitedRole.CreateAsync(Server, Schema, "");
        HostApplicationBuilder app = NewApp();
        TpqBuilder tpq = app.Services.AddTpq($"{Server.KeywordsOf(Server.Url)};{role.Settings}", o => o.Schema = Schema);
        _ = creates ? tpq.AddQueue("orders", create: true) : tpq.AddConsumer("orders", Ignore);
        await Assert.ThrowsAsync<PostgresException>(() => Build(app).StartAsync(Token));
        Assert.Contains(Complaints, r => r.Category == "Tpq" && r.Message.StartsWith($"The host cannot start, because the server refuses it queue orders: {reason}", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("127.0.0.1", "Failed to connect to 127.0.0.1:1")]
    [InlineData("nowhere.invalid", "")]
    [InlineData("127.0.0.1,127.0.0.2", "")]
    public async Task ADatabaseThatIsNotReached_StopsTheStart_AndIsNamed(string hosts, string reason)
    {
        HostApplicationBuilder app = NewApp();
        app.Services.AddTpq($"Host={hosts};Port=1;Username=a;Password=secret;Database=b").AddConsumer("orders", Ignore);
        TpqException error = await Assert.ThrowsAsync<TpqException>(() => Build(app).StartAsync(Token));
        Assert.StartsWith($"The host cannot start, because the database of queue \"orders\" is not reached: {reason}", error.Message, StringComparison.Ordinal);
        Assert.NotNull(error.InnerException);
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Consumers_BeginWhenAllOtherServicesHaveStarted()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        Tpq.AddConsumer("orders", Handle);
        App.Services.AddHostedService(_ => new OtherService(async () =>
        {
            // Longer than a consumer takes to begin.
            await Task.Delay(500, Token);
            _seen.Add("started");
        }));
        await StartAsync();
        Assert.Equal("started", await _seen.NextAsync());
        Assert.Equal("1", await _seen.NextAsync());
    }

    [Fact]
    public async Task AServiceThatFailsToStart_LeavesNoConsumerBehind()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        Tpq.AddConsumer("orders", Handle);
        App.Services.AddHostedService(_ => new OtherService(() => throw new InvalidDataException()));
        IHost host = Build();
        BackgroundService consumer = Assert.Single(host.Services.GetServices<IHostedService>().OfType<BackgroundService>());
        await Assert.ThrowsAsync<InvalidDataException>(() => host.StartAsync(Token));
        host.Dispose();
        // It has ended or, where it had not even begun, was cancelled.
        await consumer.ExecuteTask!.WaitAsync(Patience, Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        Assert.True(consumer.ExecuteTask is { IsCompleted: true, IsFaulted: false }, $"{consumer.ExecuteTask.Exception}");
        Assert.DoesNotContain(Logs.GetSnapshot(), r => r.Message.StartsWith("Consuming", StringComparison.Ordinal));
        Assert.True(_seen.IsEmpty);
    }

    static Task Ignore(IServiceProvider services, TpqDelivery delivery, CancellationToken cancellationToken) => Task.CompletedTask;

    Task Handle(IServiceProvider services, TpqDelivery delivery, CancellationToken cancellationToken)
    {
        _seen.Add(delivery.Message.Json);
        return Task.CompletedTask;
    }

    sealed class OtherService(Func<Task> start) : IHostedService
    {
        public OtherService(Action start) : this(() =>
        {
            start();
            return Task.CompletedTask;
        })
        {
        }

        public Task StartAsync(CancellationToken cancellationToken) => start();

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
