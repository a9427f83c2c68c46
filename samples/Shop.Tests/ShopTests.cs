using System.Net;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shop.Worker;
using Tpq;

namespace Shop.Tests;

/// <summary>The whole of it on the database of TPQ_URL: `tpq dev -- dotnet test` starts one and drops it afterwards.</summary>
public sealed class ShopTests : IAsyncLifetime
{
    readonly WebApplicationFactory<Program> _web = new();
    readonly IHost _worker;

    public ShopTests()
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Services.AddShop().AddConsumer<ShipOrder, OrderPlaced>(ShopDatabase.Queue, ShopJson.Default.OrderPlaced, options =>
        {
            (options.MaxAttempts, options.Backoff) = (2, TimeSpan.FromMilliseconds(10));
        });
        _worker = builder.Build();
    }

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await ShopDatabase.CreateTablesAsync(_worker.Services, Token);
        await _worker.StartAsync(Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _worker.StopAsync(CancellationToken.None);
        _worker.Dispose();
        await _web.DisposeAsync();
    }

    [Fact]
    public async Task AnOrder_IsShipped_AndAgainWhenItIsAskedFor()
    {
        HttpClient client = _web.CreateClient();
        HttpResponseMessage created = await client.PostAsJsonAsync("/orders", new { item = "tea" }, Token);
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        await EventuallyShippedAsync(client, created.Headers.Location!);
        Assert.Equal(HttpStatusCode.Accepted, (await client.PostAsync($"{created.Headers.Location}/again", null, Token)).StatusCode);
        await EventuallyShippedAsync(client, created.Headers.Location!);
    }

    [Fact]
    public async Task AnOrderThatCannotBeShipped_EndsInTheDeadLetterQueue_WithTheReason()
    {
        HttpResponseMessage created = await _web.CreateClient().PostAsJsonAsync("/orders", new { item = "" }, Token);
        TpqQueue dead = _worker.Services.GetRequiredService<TpqClient>().Queue("orders_dead");
        await dead.CreateAsync(cancellationToken: Token);
        await using TpqDelivery delivery = await dead.GetAsync(TimeSpan.FromSeconds(30), Token) ?? throw new InvalidOperationException("nothing died");
        Assert.Equal(created.Headers.Location!.ToString(), $"/orders/{delivery.Message.Deserialize(ShopJson.Default.OrderPlaced)!.OrderId}");
        Assert.EndsWith("is for nothing.", delivery.Message.Headers["tpq-error"]);
        await delivery.CommitAsync(Token);
    }

    [Fact]
    public async Task AnOrderWhoseMessageCannotBePut_IsNotThereEither()
    {
        await using AsyncServiceScope scope = _web.Services.CreateAsyncScope();
        ShopContext db = scope.ServiceProvider.GetRequiredService<ShopContext>();
        string item = $"nothing {Guid.NewGuid()}";
        db.Orders.Add(new Order { Item = item });
        db.PutOnSave(scope.ServiceProvider.GetRequiredService<TpqClient>().Queue("missing"), new TpqPut("1"));
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => db.SaveChangesAsync(Token));
        Assert.False(await db.Orders.AnyAsync(o => o.Item == item, Token));
    }

    static async Task EventuallyShippedAsync(HttpClient client, Uri order)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        while ((await client.GetFromJsonAsync<Shown>(order, limit.Token))?.Shipment is null)
            await Task.Delay(20, limit.Token);
    }

    sealed record Shown(long Id, string Item, string? Shipment);
}
