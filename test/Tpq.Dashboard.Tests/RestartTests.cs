using Tpq.Dashboard.Tests.Fixtures;

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

    /// <summary>The database has its sessions ended; the page's server goes on with new ones.</summary>
    [Fact]
    public async Task TheDatabaseEndsItsSessions_AndThePageGoesOn()
    {
        TpqQueue queue = await NewQueueAsync("orders", "1");
        await OpenAsync();
        await Expect(Row("orders").Locator("td.ready")).ToHaveTextAsync("1");
        await ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{Schema}'");
        await using TpqClient other = NewClient("other");
        await other.Queue("orders").PutAsync("2", Token);
        await Expect(Row("orders").Locator("td.ready")).ToHaveTextAsync("2");
        await Expect(Page.Locator("#trouble")).ToBeHiddenAsync();
    }
}
