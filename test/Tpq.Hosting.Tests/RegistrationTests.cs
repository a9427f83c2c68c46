using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Npgsql;
using Tpq.Hosting.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.Hosting.Tests;

/// <summary>What AddTpq and its builder put into the application's services.</summary>
public sealed class RegistrationTests(Server server) : HostTest(server)
{
    [Fact]
    public async Task AddTpq_MayBeCalledAgain_AndThereIsOneClient()
    {
        int before = App.Services.Count;
        App.Services.AddTpq();
        App.Services.AddTpq(Server.Url);
        Assert.Equal(before, App.Services.Count);
        // Each has its say.
        App.Services.AddTpq(o => o.TablePrefix = "q_").AddQueue("orders", create: true);
        Tpq.AddQueue("orders");
        IHost host = await StartAsync();
        Assert.Equal("q_orders", await ScalarAsync<string>($"SELECT tablename::text FROM pg_tables WHERE schemaname = '{Schema}' AND tablename !~ 'later'"));
        Assert.Single(host.Services.GetServices<IHostedService>());
    }

    [Fact]
    public void ASecondConnectionString_IsRefused_AndNotShown()
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => App.Services.AddTpq("postgresql://a:secret@b/c"));
        Assert.StartsWith("AddTpq was called before with another connection string", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ASecondConsumerOfAQueue_IsRefused()
    {
        Tpq.AddConsumer<Counting, int?>("orders", Json.Default.NullableInt32);
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(
            () => App.Services.AddTpq().AddLeasedConsumer<Printing, Order>("orders", Json.Default.Order));
        Assert.StartsWith("Queue \"orders\" has a consumer in this host already", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AQueue_IsASingleton_ByItsName()
    {
        App.Services.AddSingleton<Sender>();
        Tpq.AddQueue("orders").AddQueue("bills");
        IHost host = Build();
        TpqQueue orders = host.Services.GetRequiredKeyedService<TpqQueue>("orders");
        Assert.Equal("orders", orders.Name);
        Assert.Same(orders, host.Services.GetRequiredService<Sender>().Queue);
        Assert.Same(host.Services.GetRequiredService<TpqClient>(), orders.Client);
        Assert.Null(host.Services.GetKeyedService<TpqQueue>("other"));
    }

    [Fact]
    public async Task ANameThatCanBeNone_StopsTheStart()
    {
        Assert.Throws<ArgumentException>(() => Tpq.AddQueue(""));
        Tpq.AddQueue("orders_later");
        await Assert.ThrowsAsync<ArgumentException>(() => Build().StartAsync(Token));
    }

    [Fact]
    public async Task TheApplicationsDataSource_IsUsed_AndOutlivesTheClient()
    {
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create(Server.KeywordsOf(Server.Url));
        var services = new ServiceCollection();
        services.AddSingleton(dataSource).AddLogging().AddTpq();
        await using (ServiceProvider provider = services.BuildServiceProvider(validateScopes: true))
            Assert.Same(dataSource, provider.GetRequiredService<TpqClient>().DataSource);
        await using NpgsqlConnection connection = await dataSource.OpenConnectionAsync(Token);
    }

    [Fact]
    public async Task WithoutADataSource_TheEnvironmentNamesTheDatabase()
    {
        var services = new ServiceCollection();
        services.AddTpq(o => o.Schema = Schema).AddQueue("orders");
        await using ServiceProvider provider = services.BuildServiceProvider(validateScopes: true);
        TpqQueue queue = provider.GetRequiredKeyedService<TpqQueue>("orders");
        Assert.True(await queue.CreateAsync(cancellationToken: Token));
        Assert.True(await Client.Queue("orders").ExistsAsync(Token));
    }

    [Fact]
    public async Task TheClientsClockAndLog_AreTheHosts_UnlessSet()
    {
        var time = new Clock();
        App.Services.AddSingleton<TimeProvider>(time);
        Tpq.AddQueue("orders", create: true);
        IHost host = await StartAsync();
        Assert.Same(time, host.Services.GetRequiredService<IOptions<TpqClientOptions>>().Value.TimeProvider);
        Assert.Contains(Logs.GetSnapshot(), r => r is { Category: "Tpq", Message: "Created queue orders" });
        // The statements of the client's own pool, each as information, would bury all else.
        Assert.DoesNotContain(Logs.GetSnapshot(), r => r.Category!.StartsWith("Npgsql", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(typeof(TpqDelivery))]
    [InlineData(typeof(TpqLease))]
    [InlineData(typeof(TpqMessage))]
    public void OutsideTheScopeOfAMessage_ThereIsNone_AndTheErrorSaysWhy(Type type)
    {
        using IServiceScope scope = Build().Services.CreateScope();
        Assert.StartsWith($"There is no {type.Name} here: only the scope that a consumer makes for a message has one",
            Assert.Throws<InvalidOperationException>(() => scope.ServiceProvider.GetRequiredService(type)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhatIsLeased_IsNotHeld_AndTheErrorSaysSo(bool isLeased)
    {
        TpqQueue queue = await NewQueueAsync();
        App.Services.AddSingleton(new Seen());
        _ = isLeased ? Tpq.AddLeasedConsumer<Mistaken, Order>("orders", Json.Default.Order, o => o.MaxAttempts = 1)
            : Tpq.AddConsumer<Mistaken, Order>("orders", Json.Default.Order, o => o.MaxAttempts = 1);
        await queue.PutAsync("""{"Id": 7, "Item": "tea"}""", Token);
        await StartAsync();
        Assert.Contains(isLeased ? "There is no TpqDelivery here: the messages of queue \"orders\" are leased. Inject TpqLease" :
            "There is no TpqLease here: the messages of queue \"orders\" are held. Inject TpqDelivery", (await TakeDeadAsync(queue)).Headers["tpq-error"], StringComparison.Ordinal);
    }

    sealed class Clock : TimeProvider;

    sealed class Sender([FromKeyedServices("orders")] TpqQueue queue)
    {
        public TpqQueue Queue { get; } = queue;
    }

    /// <summary>Asks for what the message is not.</summary>
    sealed class Mistaken(IServiceProvider services) : ITpqHandler<Order>, ITpqLeaseHandler<Order>
    {
        public Task HandleAsync(Order body, TpqDelivery delivery, CancellationToken cancellationToken) => Task.FromResult(services.GetRequiredService<TpqLease>());

        public Task HandleAsync(Order body, TpqLease lease, CancellationToken cancellationToken) => Task.FromResult(services.GetRequiredService<TpqDelivery>());
    }
}
