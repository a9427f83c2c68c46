using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tpq.Hosting.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.Hosting.Tests;

/// <summary>How consumers end: with the host, and the host with them.</summary>
public sealed class StopTests(Server server) : HostTest(server)
{
    static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    readonly Seen _seen = new();

    int Stopped => Logs.GetSnapshot().Count(r => r.Message.StartsWith("Stopped consuming", StringComparison.Ordinal));

    [Fact]
    public async Task AHandlerAtWork_IsFinished_AndNothingMoreIsTaken()
    {
        TpqQueue queue = await NewQueueAsync(), other = await NewQueueAsync("other");
        await queue.PutManyAsync(["1", "2"], Token);
        var goOn = new TaskCompletionSource();
        Tpq.AddConsumer("orders", async (services, _, cancellationToken) =>
        {
            _seen.Add(null);
            await goOn.Task;
            Assert.False(cancellationToken.IsCancellationRequested);
            // The host's client is still there.
            await services.GetRequiredService<TpqClient>().Queue("other").PutAsync("1", CancellationToken.None);
        });
        IHost host = await StartAsync();
        await _seen.NextAsync();
        Task stop = host.StopAsync(Token);
        await Task.Delay(100, Token);
        Assert.False(stop.IsCompleted);
        goOn.SetResult();
        await stop;
        Assert.Equal((1, 1), (await queue.CountAsync(Token), await other.CountAsync(Token)));
        Assert.Empty(Complaints);
    }

    [Fact]
    public async Task HandlersThatAreStillAtWork_AreCancelled_AllAtOnce_WithinTheTimeOfTheHost_AndTheirMessagesAreBackUncounted()
    {
        App.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(3));
        TpqQueue orders = await NewQueueAsync(), bills = await NewQueueAsync("bills");
        await orders.PutAsync("1", Token);
        await bills.PutAsync("""{"Id": 1, "Item": "a"}""", Token);
        App.Services.AddSingleton(_seen);
        Tpq.AddConsumer("orders", async (_, _, cancellationToken) =>
        {
            _seen.Add(null);
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }).AddLeasedConsumer<Endless, Order>("bills", Json.Default.Order);
        IHost host = await StartAsync();
        await _seen.NextAsync();
        await _seen.NextAsync();
        long start = Stopwatch.GetTimestamp();
        await host.StopAsync(Token);
        // Both had ended when the host would have waited no longer, and not before their grace was over.
        Assert.Equal(2, Stopped);
        Assert.True(Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(2.4));
        foreach (TpqQueue queue in (TpqQueue[])[orders, bills])
        {
            await using TpqDelivery? back = await queue.GetAsync(cancellationToken: Token);
            Assert.Equal(0, back!.Message.Attempts);
        }
        Assert.Empty(Complaints);
    }

    [Fact]
    public async Task AConsumerThatWaits_StopsAtOnce_AndThatIsNoError()
    {
        // Neither the host nor the grace would end it while the test waits.
        App.Services.Configure<HostOptions>(o => o.ShutdownTimeout = Timeout.InfiniteTimeSpan);
        await NewQueueAsync();
        Tpq.AddConsumer("orders", (_, _, _) => Task.CompletedTask, o => o.Grace = Hour).AddQueue("bills", create: true)
            .AddLeasedConsumer<Endless, Order>("bills", Json.Default.Order, o => o.Grace = Hour);
        App.Services.AddSingleton(_seen);
        IHost host = await StartAsync();
        await EventuallyAsync(() => Task.FromResult(Logs.GetSnapshot().Count(r => r.Message.StartsWith("Consuming", StringComparison.Ordinal)) == 2), "both wait");
        await host.StopAsync(Token).WaitAsync(Patience, Token);
        Assert.Equal(2, Stopped);
        Assert.Empty(Complaints);
    }

    [Fact]
    public async Task AConsumerThatCannotGoOn_StopsTheHost_AndTheReasonIsLogged()
    {
        TpqQueue queue = await NewQueueAsync();
        Tpq.AddConsumer("orders", (_, _, _) => Task.CompletedTask);
        IHost host = await StartAsync();
        Task over = host.WaitForShutdownAsync(Token);
        await queue.PutAsync("1", Token);
        await EmptyAsync(queue);
        Assert.False(over.IsCompleted);
        await queue.DropAsync(Token);
        await over.WaitAsync(Patience, Token);
        Assert.Contains(Complaints, r => r is { Level: LogLevel.Error, Exception: TpqQueueNotFoundException { Queue: "orders" } });
    }

    [Fact]
    public async Task TheClient_IsDisposedWithTheHost()
    {
        TpqQueue queue = await NewQueueAsync();
        Tpq.AddConsumer("orders", (_, _, _) => Task.CompletedTask);
        IHost host = await StartAsync();
        TpqQueue its = host.Services.GetRequiredKeyedService<TpqQueue>("orders");
        await host.StopAsync(Token);
        Assert.Equal(0, await its.CountAsync(Token));
        host.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => its.CountAsync(Token));
        await queue.PutAsync("1", Token);
        Assert.Equal(1, await queue.CountAsync(Token));
    }

    sealed class Endless(Seen seen, TpqLease lease) : ITpqLeaseHandler<Order>
    {
        public async Task HandleAsync(Order body, TpqLease _, CancellationToken cancellationToken)
        {
            seen.Add(lease.Message.Id);
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
    }
}
