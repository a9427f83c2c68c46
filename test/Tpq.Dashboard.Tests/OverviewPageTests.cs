using System.Diagnostics;
using Microsoft.Playwright;
using Tpq.Dashboard.Tests.Fixtures;
using Tpq.Internal;
using Tpq.Internal.Overview;

namespace Tpq.Dashboard.Tests;

public sealed class OverviewPageTests(Server server, Chromium chromium) : BrowserTest(server, chromium)
{
    /// <summary>Whether the tests of load run at their full size.</summary>
    static readonly bool IsLarge = Environment.GetEnvironmentVariable("TPQ_TEST_LARGE") is { Length: > 0 };

    [Fact]
    public async Task TheQueuesAreShown_AndChangeWithoutAReload()
    {
        TpqQueue orders = await NewQueueAsync("orders", "1", "2");
        await NewQueueAsync("orders_dead", "3");
        await OpenAsync();
        await Expect(Row("orders").Locator("td.ready")).ToHaveTextAsync("2");
        await Expect(Row("orders").Locator("td.dead")).ToHaveTextAsync("1");
        await Expect(Row("orders_dead")).ToHaveCountAsync(0);
        await Expect(Page.Locator("#live")).ToHaveTextAsync("live");

        await using TpqDelivery held = (await orders.GetAsync(cancellationToken: Token))!;
        await Expect(Row("orders").Locator("td.inHand")).ToHaveTextAsync("1");
        await held.CommitAsync(Token);
        await Expect(Row("orders").Locator("td.ready")).ToHaveTextAsync("1");
        await orders.PutAsync(new TpqPut("4") { Delay = TimeSpan.FromHours(1) }, Token);
        await Expect(Row("orders").Locator("td.later")).ToHaveTextAsync("1");
        await Client.Queue("orders").PauseAsync(Token);
        await Expect(Row("orders").GetByText("paused")).ToBeVisibleAsync();
        await NewQueueAsync("payments");
        await Expect(Row("payments")).ToBeVisibleAsync();
        await Client.Queue("payments").DropAsync(Token);
        await Expect(Row("payments")).ToHaveCountAsync(0);
        Assert.Empty(Complaints);
    }

    [Fact]
    public async Task TheTable_IsSortedAndFiltered_ByKeyboardToo()
    {
        await NewQueueAsync("a", "1");
        await NewQueueAsync("b", "1", "2", "3");
        await NewQueueAsync("c");
        await OpenAsync();
        ILocator names = Page.Locator("table[aria-label=Queues] tbody th.name a");
        await Expect(names).ToHaveTextAsync(["a", "b", "c"]);
        await Button("Depth").FocusAsync();
        await Page.Keyboard.PressAsync("Enter");
        await Expect(names).ToHaveTextAsync(["b", "a", "c"]);
        await Expect(Page.GetByRole(AriaRole.Columnheader, new() { Name = "Depth", Exact = true })).ToHaveAttributeAsync("aria-sort", "descending");
        await Page.Keyboard.PressAsync("Enter");
        await Expect(names).ToHaveTextAsync(["c", "a", "b"]);
        await Page.GetByText("With messages only").ClickAsync();
        await Expect(names).ToHaveTextAsync(["a", "b"]);
        await Page.Locator("body").PressAsync("/");
        await Page.Keyboard.TypeAsync("B");
        await Expect(names).ToHaveTextAsync(["b"]);
        await Page.Keyboard.TypeAsync("x");
        await Expect(Page.GetByText("No queue fits the filter.")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task TheDoctorsFindings_AreShown()
    {
        await NewQueueAsync();
        await ExecuteAsync($"ALTER TABLE {Schema}.tpq_orders SET (autovacuum_enabled = off)");
        await OpenAsync("#/doctor");
        ILocator finding = Page.Locator(".findings li").Filter(new() { HasText = "autovacuum_enabled" });
        await Expect(finding.First).ToBeVisibleAsync();
        await Expect(finding.First.Locator("pre")).Not.ToBeEmptyAsync();
        Assert.Empty(Complaints);
    }

    [Fact]
    public async Task WithoutQueues_ItSaysHowToMakeOne()
    {
        await OpenAsync();
        await Expect(Page.GetByText("tpq create orders")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task AThousandQueues_AreShown_AndTheOneThatChangesIsSeen()
    {
        await NewQueuesAsync([.. Enumerable.Range(0, 1000).Select(static i => $"q{i:0000}")]);
        int deep = IsLarge ? 1_000_000 : 20_000;
        // An ANALYZE between the INSERT and the report of its backend would have the statistics count the rows twice, until the next one.
        await ExecuteAsync($"ALTER TABLE {Schema}.tpq_q0500 SET (autovacuum_enabled = off)");
        await ExecuteAsync($"INSERT INTO {Schema}.tpq_q0500 (data) SELECT '0' FROM generate_series(1, {deep})");
        await OpenAsync();
        await Expect(Page.Locator("table[aria-label=Queues] tbody tr")).ToHaveCountAsync(1000);
        await Expect(Row("q0500").Locator("td.ready")).ToHaveTextAsync(IsLarge ? "~1.00 M" : "~20.0 k");
        await Client.Queue("q0777").PutAsync("1", Token);
        await Page.Locator("#filter").FillAsync("q0777");
        await Expect(Row("q0777").Locator("td.ready")).ToHaveTextAsync("1");
        await TellCostAsync();
    }

    /// <summary>As <see cref="TpqQueue.CreateAsync"/> makes them, fifty in a transaction.</summary>
    async Task NewQueuesAsync(IReadOnlyList<string> names)
    {
        await NewQueueAsync(names[0]);
        foreach (string[] some in names.Skip(1).Chunk(50))
            await ExecuteAsync(string.Join('\n', some.Select(name => new SchemaScript(Client.State(name).Name).Create(new TpqQueueOptions(), withRing: false))));
    }

    /// <summary>Not decided upon, for a machine may be busy: for docs/dashboard.md.</summary>
    async Task TellCostAsync()
    {
        await Page.ReloadAsync();
        await Expect(Page.Locator("table[aria-label=Queues] tbody tr")).ToHaveCountAsync(1000);
        string paint = await Page.EvaluateAsync<string>(
            """
            new Promise(resolve => requestAnimationFrame(() => setTimeout(() => resolve(
              `first paint ${Math.round(performance.getEntriesByName('first-contentful-paint')[0].startTime)} ms, all rows by ${Math.round(performance.now())} ms`))))
            """);
        var reader = new OverviewReader(Client);
        var looks = new List<double>();
        // Until it has looked into each queue once, as a page that has been open for a while has.
        for (int i = 0; i < 10; i++)
            await reader.ReadAsync(Token);
        for (int i = 0; i < 20; i++)
        {
            long began = Stopwatch.GetTimestamp();
            await reader.ReadAsync(Token);
            looks.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }
        looks.Sort();
        TestContext.Current.TestOutputHelper!.WriteLine($"{paint}; a look takes {looks[10]:0} ms (least {looks[0]:0} ms)");
    }
}
