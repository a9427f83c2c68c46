using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Testing;
using Tpq.Hosting.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.Hosting.Tests;

/// <summary>What becomes of a message that a handler of the host gets.</summary>
public sealed class HandlerTests : HostTest
{
    readonly Seen _seen = new();

    public HandlerTests(Server server) : base(server) => App.Services.AddSingleton(_seen)
        .AddScoped(services => new Ledger(services.GetRequiredService<TpqDelivery>(), Schema));

    [Fact]
    public async Task AHeldMessage_AndWhatItsHandlersServicesWrote_CommitTogether_OrNeither()
    {
        TpqQueue queue = await NewLedgerQueueAsync();
        Tpq.AddConsumer<Shipping, Order>("orders", Json.Default.Order, o => o.Backoff = TimeSpan.Zero);
        await StartAsync();
        await queue.PutAsync("""{"Id": 7, "Item": "tea"}""", Token);
        Assert.Equal(new Order(7, "tea"), await _seen.NextAsync());
        await EmptyAsync(queue);
        Assert.Equal("tea, tea disposed", await LedgerAsync());
        await queue.PutAsync("""{"Id": 8, "Item": "bad"}""", Token);
        await EventuallyAsync(async () => await queue.CountAsync(Token) == 0, "dead");
        TpqMessage dead = await TakeDeadAsync(queue);
        Assert.Equal(("5", "System.IO.InvalidDataException: rotten"), (dead.Headers["tpq-attempts"], dead.Headers["tpq-error"]));
        Assert.Equal("tea, tea disposed", await LedgerAsync());
        // The dead letter is there a moment before it is in the log.
        await EventuallyAsync(() => Task.FromResult(Complaints.Any(static r => r.Id.Id == 1205)), "the log");
        // Each failure was settled in the message's own transaction: nobody had given it back before.
        Assert.Equal([1202, 1202, 1202, 1202, 1205], Complaints.Select(r => r.Id.Id));
    }

    [Fact]
    public async Task ALeasedMessage_IsCompleted_AndAFailureIsCounted()
    {
        TpqQueue queue = await NewLedgerQueueAsync();
        Tpq.AddLeasedConsumer<Printing, Order>("orders", Json.Default.Order, o => (o.MaxAttempts, o.Backoff) = (2, TimeSpan.Zero));
        await StartAsync();
        await queue.PutAsync("""{"Id": 7, "Item": "tea"}""", Token);
        Assert.Equal((7L, 0), await _seen.NextAsync());
        await EventuallyAsync(async () => await LeftAsync() == 0, "completed");
        await queue.PutAsync("""{"Id": 8, "Item": "bad"}""", Token);
        Assert.Equal((8L, 0), await _seen.NextAsync());
        Assert.Equal((8L, 1), await _seen.NextAsync());
        Assert.Equal("2", (await TakeDeadAsync(queue)).Headers["tpq-attempts"]);
    }

    [Fact]
    public async Task AMethod_HandlesWithTheServicesOfTheScope()
    {
        TpqQueue queue = await NewLedgerQueueAsync();
        Tpq.AddConsumer("orders", async (services, delivery, _) =>
        {
            Assert.Same(delivery, services.GetRequiredService<TpqDelivery>());
            await services.GetRequiredService<Ledger>().WriteAsync(services.GetRequiredService<TpqMessage>().Json);
        });
        await StartAsync();
        await queue.PutAsync("1", Token);
        await EmptyAsync(queue);
        Assert.Equal("1", await LedgerAsync());
        Assert.Empty(Complaints);
    }

    [Fact]
    public async Task EachMessage_HasAScope_AndAHandlerOfItsOwn_DisposedBeforeItIsSettled()
    {
        TpqQueue queue = await NewLedgerQueueAsync();
        Tpq.AddConsumer<Scoped, Order>("orders", Json.Default.Order);
        await StartAsync();
        await queue.PutAsync("""{"Id": 1, "Item": "a"}""", Token);
        var first = (Scoped)(await _seen.NextAsync())!;
        await EmptyAsync(queue);
        Assert.True(first.IsDisposed);
        await queue.PutAsync("""{"Id": 2, "Item": "b"}""", Token);
        var second = (Scoped)(await _seen.NextAsync())!;
        Assert.NotSame(first, second);
        Assert.NotSame(first.Ledger, second.Ledger);
    }

    [Theory]
    [InlineData("commit", 0, 0)]
    [InlineData("dead", 0, 1)]
    [InlineData("dispose", 1, 0)]
    public async Task AHandler_MaySettleTheMessageItself(string how, int left, int died)
    {
        TpqQueue queue = await NewLedgerQueueAsync();
        Tpq.AddConsumer("orders", async (services, _, _) =>
        {
            TpqDelivery delivery = services.GetRequiredService<TpqDelivery>();
            await (how switch { "commit" => delivery.CommitAsync(Token), "dead" => delivery.DeadLetterAsync("no", Token), _ => delivery.DisposeAsync().AsTask() });
            _seen.Add(null);
        }, o => o.Backoff = TimeSpan.FromDays(1));
        IHost host = await StartAsync();
        await queue.PutAsync("1", Token);
        await _seen.NextAsync();
        await host.StopAsync(Token);
        Assert.True(_seen.IsEmpty);
        Assert.Equal(left, await queue.CountAsync(Token));
        Assert.Equal(died, died == 0 ? 0 : await Client.Queue("orders_dead").CountAsync(Token));
    }

    [Theory]
    [InlineData(false, "{")]
    [InlineData(true, "{")]
    [InlineData(false, "null")]
    [InlineData(true, "null")]
    public async Task APayload_ThatIsNoOrder_DiesAtOnce_AndOthersGoOn(bool isLeased, string json)
    {
        TpqQueue queue = await NewLedgerQueueAsync();
        _ = isLeased ? Tpq.AddLeasedConsumer<Printing, Order>("orders", Json.Default.Order) : Tpq.AddConsumer<Shipping, Order>("orders", Json.Default.Order);
        await queue.PutAsync(json == "{" ? """{"Id": "seven"}""" : json, Token);
        await queue.PutAsync("""{"Id": 7, "Item": "tea"}""", Token);
        await StartAsync();
        TpqMessage dead = await TakeDeadAsync(queue);
        Assert.Equal("1", dead.Headers["tpq-attempts"]);
        Assert.Contains(json == "{" ? "System.Text.Json.JsonException" : "The payload is null, and its handler takes a Tpq.Hosting.Tests.Fixtures.Order", dead.Headers["tpq-error"], StringComparison.Ordinal);
        await EventuallyAsync(async () => await LeftAsync() == 0, "handled");
        FakeLogRecord complaint = Assert.Single(Complaints);
        Assert.Equal((json == "{" ? 1205 : 1401, "Tpq"), (complaint.Id.Id, complaint.Category));
    }

    [Fact]
    public async Task Null_IsAValue_OfANullableValueType()
    {
        TpqQueue queue = await NewLedgerQueueAsync();
        Tpq.AddConsumer<Counting, int?>("orders", Json.Default.NullableInt32);
        await queue.PutManyAsync(["null", "3"], Token);
        await StartAsync();
        Assert.Null(await _seen.NextAsync());
        Assert.Equal(3, await _seen.NextAsync());
    }

    [Fact]
    public async Task APausedQueue_IsLeftAlone_UntilItIsResumed()
    {
        TpqQueue queue = await NewLedgerQueueAsync();
        Tpq.AddConsumer<Shipping, Order>("orders", Json.Default.Order);
        await queue.PauseAsync(Token);
        await queue.PutAsync("""{"Id": 7, "Item": "tea"}""", Token);
        IHost host = await StartAsync();
        await EventuallyAsync(() => Task.FromResult(Logs.GetSnapshot().Any(r => r.Message.Contains("paused", StringComparison.Ordinal))), "it hears of the pause");
        Assert.True(_seen.IsEmpty);
        await queue.ResumeAsync(Token);
        await _seen.NextAsync();
        await EmptyAsync(queue);
        await queue.PauseAsync(Token);
        await host.StopAsync(Token);
    }

    async Task<TpqQueue> NewLedgerQueueAsync()
    {
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".ledger (line text)");
        return await NewQueueAsync();
    }

    Task<string> LedgerAsync() => ScalarAsync<string>("SELECT string_agg(line, ', ') FROM ledger");

    /// <summary>Ready, leased or waiting for another try.</summary>
    async Task<long> LeftAsync() => await ScalarAsync<long>("SELECT (SELECT count(*) FROM tpq_orders) + (SELECT count(*) FROM tpq_orders_later)");
}
