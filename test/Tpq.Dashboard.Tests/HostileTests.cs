using Microsoft.Playwright;
using Tpq.Dashboard.Tests.Fixtures;

namespace Tpq.Dashboard.Tests;

/// <summary>Payloads, headers and names are text, whatever is in them.</summary>
public sealed class HostileTests(Server server, Chromium chromium) : BrowserTest(server, chromium)
{
    const string Attack = "<img src=x onerror=\"window.attacked=1\"><script>window.attacked=1</script></script>'\"&amp;";

    [Fact]
    public async Task APayloadOfHtml_IsShownAndNotRun()
    {
        TpqQueue queue = await NewQueueAsync("orders_dead"), named = await NewQueueAsync("<b onclick=alert(1)>\"x");
        await NewQueueAsync();
        string json = $"\"{Attack.Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
        long id = await queue.PutAsync(new TpqPut(json) { Headers = new Dictionary<string, string> { ["tpq-error"] = Attack, [Attack] = Attack } }, Token);
        await named.PutAsync(json, Token);

        await OpenAsync("#/queue/orders/dead");
        ILocator row = Page.Locator("table[aria-label=Messages] tbody tr");
        await Expect(row.Locator(".error-text")).ToHaveTextAsync(Attack);
        await Expect(row.Locator(".mono")).ToHaveTextAsync(json);
        await row.GetByRole(AriaRole.Button).ClickAsync();
        await Expect(Page.Locator("dialog pre")).ToHaveTextAsync(json);
        await Expect(Page.Locator("dialog .facts")).ToContainTextAsync(Attack);
        await Page.Keyboard.PressAsync("Escape");

        await Page.GotoAsync(Address + "#/");
        await Page.GetByRole(AriaRole.Link, new() { Name = "<b onclick=alert(1)>\"x" }).ClickAsync();
        await Expect(Page.Locator("h1")).ToHaveTextAsync("<b onclick=alert(1)>\"x");
        await Expect(row.Locator(".mono")).ToHaveTextAsync(json);
        Assert.Null(await Page.EvaluateAsync<int?>("window.attacked ?? null"));
        Assert.Equal(0, await Page.Locator("main img, main script, dialog img").CountAsync());
        Assert.Empty(Complaints);
        Assert.True(id > 0);
    }

    /// <summary>What was put with SQL has headers that no client writes.</summary>
    [Fact]
    public async Task HeadersThatAreNoText_AreShown()
    {
        await NewQueueAsync();
        await NewQueueAsync("orders_dead");
        string[] headers = ["""{"tpq-error": 5, "tpq-died-at": "x", "tpq-attempts": [1]}""", """{"tpq-error": {"a": null}, "__proto__": true}""", "7", "[1]", "null"];
        foreach (string json in headers)
            await ExecuteAsync($"INSERT INTO {Schema}.tpq_orders_dead (data, headers) VALUES ('1', '{json}')");
        await OpenAsync("#/queue/orders/dead");
        ILocator errors = Page.Locator("table[aria-label=Messages] tbody .error-text");
        await Expect(errors).ToHaveTextAsync(["5", "{\"a\":null}", "–", "–", "–"]);
        await Page.Locator("table[aria-label=Messages] tbody button").Nth(1).ClickAsync();
        await Expect(Page.Locator("dialog .facts")).ToContainTextAsync("__proto__");
        Assert.Empty(Complaints);
    }

    [Theory]
    [InlineData("constructor")]
    [InlineData("nothing")]
    public async Task APartThatIsNotThere_IsTheFirst(string part)
    {
        await NewQueueAsync("orders", "1");
        await OpenAsync($"#/queue/orders/{part}");
        await Expect(Page.Locator("table[aria-label=Messages] tbody tr")).ToHaveCountAsync(1);
        Assert.Empty(Complaints);
    }

    /// <summary>And if some text did become markup: the policy of the page lets nothing of it run.</summary>
    [Fact]
    public async Task ThePolicy_RefusesWhatIsNotTheDashboards()
    {
        await NewQueueAsync();
        await OpenAsync();
        await Expect(Row("orders")).ToBeVisibleAsync();
        await Page.EvaluateAsync("document.getElementById('main').insertAdjacentHTML('beforeend', '<img src=\"data:,x\" onerror=\"window.attacked=1\">')");
        await Page.EvaluateAsync("new Promise(resolve => { const image = document.querySelector('main img'); image.complete ? resolve() : image.addEventListener('error', resolve); })");
        Assert.Null(await Page.EvaluateAsync<int?>("window.attacked ?? null"));
        Assert.Contains(Complaints, c => c.Contains("Content Security Policy", StringComparison.Ordinal));
    }
}
