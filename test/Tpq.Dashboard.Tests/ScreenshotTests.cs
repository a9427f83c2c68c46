using Microsoft.Playwright;
using Tpq.Dashboard.Tests.Fixtures;

namespace Tpq.Dashboard.Tests;

/// <summary>Makes the pictures of docs/dashboard.md: TPQ_SCREENSHOTS names the folder. They are looked at by people, not compared.</summary>
public sealed class ScreenshotTests(Server server, Chromium chromium) : BrowserTest(server, chromium)
{
    static readonly string? Folder = Environment.GetEnvironmentVariable("TPQ_SCREENSHOTS") is { Length: > 0 } folder ? folder : null;

    static readonly string[] Idle = ["newsletter", "price-imports", "search-index", "thumbnails", "warehouse.returns"];

    [Fact]
    public async Task Pictures()
    {
        Assert.SkipWhen(Folder is null, "TPQ_SCREENSHOTS is not set: no pictures are to be made.");
        await FillAsync();
        using var stop = new CancellationTokenSource();
        await using TpqClient worker = NewClient("shipping-worker"), printer = NewClient("invoice-printer"), slow = NewClient("address-check");
        await using TpqDelivery held = (await slow.Queue("orders").GetAsync(cancellationToken: Token))!;
        await using TpqLeaseBatch orders = (await printer.Queue("orders").LeaseAsync(2, TimeSpan.FromMinutes(30), cancellationToken: Token))!;
        await using TpqLeaseBatch invoices = (await printer.Queue("invoices").LeaseAsync(3, TimeSpan.FromMinutes(30), cancellationToken: Token))!;
        Task work = WorkAsync(worker, stop.Token);
        await OpenAsync();
        // So that the charts have something to show.
        await Task.Delay(TimeSpan.FromMinutes(4), Token);
        await ShootAsync("light", ColorScheme.Light, 1280, 800);
        await ShootAsync("dark", ColorScheme.Dark, 1280, 800);
        await ShootAsync("phone", ColorScheme.Light, 390, 844);
        await stop.CancelAsync();
        await work;
    }

    async Task ShootAsync(string name, ColorScheme scheme, int width, int height)
    {
        await OpenAsync(options: new BrowserNewContextOptions { ColorScheme = scheme, ViewportSize = new ViewportSize { Width = width, Height = height } });
        await Expect(Row("orders").Locator("svg .line")).ToBeVisibleAsync();
        await ShotAsync("queues", name);
        await Page.GotoAsync(Address + "#/queue/orders");
        await Expect(Page.GetByRole(AriaRole.Table, new() { Name = "Messages" }).GetByRole(AriaRole.Row).Nth(1)).ToBeVisibleAsync();
        await ShotAsync("queue", name);
        await Page.Locator("table[aria-label=Messages] tbody").GetByRole(AriaRole.Button).First.ClickAsync();
        await Expect(Page.Locator("dialog")).ToBeVisibleAsync();
        await ShotAsync("message", name);
        await Page.Keyboard.PressAsync("Escape");
        await Page.GotoAsync(Address + "#/queue/orders/dead");
        await Expect(Button("Redrive all …")).ToBeVisibleAsync();
        await ShotAsync("dead", name);
        await Page.GotoAsync(Address + "#/queue/orders/held");
        await Expect(Page.GetByText("address-check")).ToBeVisibleAsync();
        await ShotAsync("held", name);
        await Button("Clear …").ClickAsync();
        await ShotAsync("clear", name);
        await Page.GotoAsync(Address + "#/doctor");
        await Expect(Page.GetByText("were examined")).ToBeVisibleAsync();
        await ShotAsync("doctor", name);
    }

    Task<byte[]> ShotAsync(string page, string name) => Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Folder!, $"{page}-{name}.png") });

    async Task FillAsync()
    {
        foreach (string queue in (string[])["emails", "invoices", "orders", "orders_dead", "payments", .. Idle])
            await NewQueueAsync(queue);
        await Client.Queue("emails").PutManyAsync(Enumerable.Range(1, 24_310).Select(i => $$"""{"to": "customer{{i}}@example.com", "template": "order-shipped"}"""), Token);
        await Client.Queue("invoices").PutManyAsync(Enumerable.Range(1, 48).Select(i => $$"""{"invoice": {{2000 + i}}, "total": 129.{{i:00}}}"""), Token);
        await Client.Queue("payments").PutManyAsync(Enumerable.Range(1, 7).Select(i => new TpqPut($$"""{"payment": {{i}}}""") { Delay = TimeSpan.FromMinutes(7 * i) }), Token);
        await Client.Queue("search-index").PauseAsync(Token);
        await Client.Queue("orders").PutManyAsync(Enumerable.Range(7001, 180).Select(Order), Token);
        await Client.Queue("orders_dead").PutManyAsync(Enumerable.Range(1, 6).Select(i => new TpqPut(Order(6900 + i))
        {
            Headers = new Dictionary<string, string>
            {
                ["tpq-queue"] = "orders",
                ["tpq-id"] = $"{6100 + i}",
                ["tpq-attempts"] = "5",
                ["tpq-error"] = i % 3 == 0
                    ? "System.TimeoutException: The operation has timed out.\n   at Shop.Shipping.ReserveAsync(Order order)"
                    : "Npgsql.PostgresException (0x80004005): 23503: insert or update on table \"shipments\" violates foreign key constraint\n   at Shop.Shipping.HandleAsync(Order order)",
                ["tpq-died-at"] = DateTimeOffset.UtcNow.AddMinutes(-13 * i).ToString("O"),
            },
        }), Token);
        await ExecuteAsync($"UPDATE {Schema}.tpq_orders SET enqueued_at = now() - (7200 - id) * interval '1 second'; UPDATE {Schema}.tpq_emails SET enqueued_at = now() - interval '6 minutes'");

        static string Order(int id) =>
            $$"""{"id": {{id}}, "customer": {"name": "Ada Lovelace", "email": "ada@example.com"}, "items": [{"sku": "tea-earl-grey", "quantity": 2, "price": 7.50}, {"sku": "teapot", "quantity": 1, "price": 24.00}], "express": {{(id % 3 == 0 ? "true" : "false")}}, "note": null}""";
    }

    async Task WorkAsync(TpqClient client, CancellationToken stop)
    {
        Task puts = Task.Run(async () =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                await Client.Queue("orders").PutManyAsync(Enumerable.Range(0, 3 + i / 8 % 5).Select(n => $$"""{"id": {{7200 + i * 10 + n}}, "customer": {"name": "Grace Hopper"}, "items": []}"""), CancellationToken.None);
                await Client.Queue("emails").PutAsync("""{"to": "grace@example.com"}""", CancellationToken.None);
                await Task.Delay(150, CancellationToken.None);
            }
        }, CancellationToken.None);
        Task orders = client.Queue("orders").ConsumeAsync((_, token) => Task.Delay(30, token), new TpqConsumeOptions { Concurrency = 2 }, stop);
        Task emails = client.Queue("emails").ConsumeAsync((_, token) => Task.Delay(8, token), cancellationToken: stop);
        await Task.WhenAll(puts, orders, emails);
    }
}
