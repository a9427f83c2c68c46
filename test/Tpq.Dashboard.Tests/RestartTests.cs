using Tpq.Dashboard.Tests.Fixtures;
using Tpq.Embedded;

namespace Tpq.Dashboard.Tests;

public sealed class RestartTests(Server server, Chromium chromium) : BrowserTest(server, chromium)
{
    /// <summary>Its keys for tokens are others after that, and the page can write all the same.</summary>
    [Fact]
    public async Task TheServerOfAnOpenPage_IsStartedAgain_AndThePageGoesOn()
    {
        TpqQueue queue = await NewQueueAsync("orders", "1");
        await OpenAsync("#/queue/orders");
        await Expect(Page.Locator("#live")).ToHaveTextAsync("live");
        await Button("Pause …").ClickAsync();
        await Page.GetByRole(Microsoft.Playwright.AriaRole.Dialog).GetByText("Pause", new() { Exact = true }).ClickAsync();
        await Expect(Button("Resume")).ToBeVisibleAsync();
        await RestartSiteAsync(async () =>
        {
            await Expect(Page.Locator("#trouble")).ToContainTextAsync("does not answer");
            await Expect(Page.Locator("#live")).ToHaveTextAsync("reconnecting");
            await queue.PutAsync("2", Token);
        });
        await Expect(Page.Locator("#live")).ToHaveTextAsync("live");
        await Expect(Page.Locator("#trouble")).ToBeHiddenAsync();
        await Expect(Page.Locator("table[aria-label=Messages] tbody tr")).ToHaveCountAsync(2);
        await Button("Resume").ClickAsync();
        await Expect(Button("Pause …")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task PostgreSQL_IsStartedAgainUnderAnOpenPage_AndThePageGoesOn()
    {
        await using EmbeddedPostgres own = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        await using var client = new TpqClient(own.Url);
        await client.Queue("orders").CreateAsync(cancellationToken: Token);
        await client.Queue("orders").PutAsync("1", Token);
        await OpenAsync(client: client);
        await Expect(Row("orders").Locator("td.ready")).ToHaveTextAsync("1");
        await own.StopAsync(cancellationToken: Token);
        await Expect(Page.Locator("#trouble")).ToContainTextAsync("cannot be reached");
        await own.StartAgainAsync(Token);
        await using (var later = new TpqClient(own.Url))
            await later.Queue("orders").PutAsync("2", Token);
        await Expect(Row("orders").Locator("td.ready")).ToHaveTextAsync("2");
        await Expect(Page.Locator("#trouble")).ToBeHiddenAsync();
    }
}
