using Microsoft.Playwright;
using Tpq.Dashboard.Tests.Fixtures;

namespace Tpq.Dashboard.Tests;

/// <summary>Every action, and what it asks before.</summary>
public sealed class QueuePageTests(Server server, Chromium chromium) : BrowserTest(server, chromium)
{
    ILocator Dialog => Page.GetByRole(AriaRole.Dialog).Last;

    ILocator MessageRows => Page.Locator("table[aria-label=Messages] tbody tr");

    [Fact]
    public async Task AMessageIsPut_Seen_AndDeleted()
    {
        TpqQueue queue = await NewQueueAsync();
        await OpenAsync("#/queue/orders");
        await Expect(Page.GetByText("No messages are in line.")).ToBeVisibleAsync();
        await Button("Put …").ClickAsync();
        await Dialog.GetByLabel("Payload").FillAsync("{\"big\": 12345678901234567890.10, ");
        await Dialog.GetByText("Put", new() { Exact = true }).ClickAsync();
        await Expect(Dialog.GetByRole(AriaRole.Alert)).ToContainTextAsync("JSON");
        await Dialog.GetByLabel("Payload").FillAsync("{\"big\": 12345678901234567890.10, \"e\": [], \"a\": [1, {}]}");
        await Dialog.GetByText("Put", new() { Exact = true }).ClickAsync();
        await Expect(MessageRows).ToHaveCountAsync(1);
        Assert.Equal("{\"big\": 12345678901234567890.10, \"e\": [], \"a\": [1, {}]}", (await queue.PeekAsync(cancellationToken: Token))[0].Message.Json);

        await MessageRows.GetByRole(AriaRole.Button).ClickAsync();
        await Expect(Dialog.Locator("pre")).ToHaveTextAsync("{\n  \"big\": 12345678901234567890.10,\n  \"e\": [],\n  \"a\": [\n    1,\n    {}\n  ]\n}");
        await Button("Delete …").ClickAsync();
        await Dialog.GetByText("Cancel").ClickAsync();
        Assert.Equal(1, await queue.CountAsync(Token));
        await Button("Delete …").ClickAsync();
        await Dialog.GetByText("Delete", new() { Exact = true }).ClickAsync();
        await Expect(Page.GetByText("No messages are in line.")).ToBeVisibleAsync();
        Assert.Equal(0, await queue.CountAsync(Token));
        Assert.DoesNotContain(Complaints, c => !c.Contains("400", StringComparison.Ordinal));
    }

    [Fact]
    public async Task AMessageForLater_IsPut_FoundById_AndCancelled()
    {
        await NewQueueAsync();
        await OpenAsync("#/queue/orders");
        await Button("Put …").ClickAsync();
        await Dialog.GetByLabel("Payload").FillAsync("7");
        await Dialog.GetByLabel("Delay in seconds").FillAsync("3600");
        await Dialog.GetByText("Put", new() { Exact = true }).ClickAsync();
        string? told = await Page.Locator(".toast").First.TextContentAsync();
        string id = told!.Split(' ')[1];
        await Page.GetByLabel("Find a message by its id").FillAsync(id);
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Dialog).ToContainTextAsync("for later, in 59 min");
        await Page.Keyboard.PressAsync("Escape");
        await Page.GetByRole(AriaRole.Link, new() { Name = "Later 1" }).ClickAsync();
        await MessageRows.GetByRole(AriaRole.Button).ClickAsync();
        await Button("Delete …").ClickAsync();
        await Dialog.GetByText("Delete", new() { Exact = true }).ClickAsync();
        await Expect(Page.GetByText("Nothing is for later or leased.")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task AnIdThatIsNotThere_IsSaid()
    {
        await NewQueueAsync();
        await OpenAsync("#/queue/orders");
        await Page.GetByLabel("Find a message by its id").FillAsync("9223372036854775807");
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Page.Locator(".toast.error")).ToHaveTextAsync("There is no message 9223372036854775807 in queue \"orders\".");
    }

    [Fact]
    public async Task AQueueIsPaused_AndResumed()
    {
        await NewQueueAsync();
        await OpenAsync("#/queue/orders");
        await Button("Pause …").ClickAsync();
        await Dialog.GetByText("Pause", new() { Exact = true }).ClickAsync();
        await Expect(Page.Locator("h1 + .badge.paused")).ToBeVisibleAsync();
        await Button("Resume").ClickAsync();
        await Expect(Button("Pause …")).ToBeVisibleAsync();
        Assert.False(await Client.Queue("orders").ResumeAsync(Token));
    }

    [Fact]
    public async Task MessagesAreMoved_OneAndAll()
    {
        TpqQueue orders = await NewQueueAsync("orders", "1", "2", "3"), other = await NewQueueAsync("other");
        await OpenAsync("#/queue/orders");
        await MessageRows.GetByRole(AriaRole.Button).Nth(1).ClickAsync();
        await Dialog.GetByText("Move …").ClickAsync();
        await Dialog.GetByLabel("To queue").FillAsync("nope");
        await Dialog.GetByText("Move", new() { Exact = true }).ClickAsync();
        await Expect(Dialog.GetByRole(AriaRole.Alert)).ToContainTextAsync("nope");
        await Dialog.GetByLabel("To queue").FillAsync("other");
        await Dialog.GetByText("Move", new() { Exact = true }).ClickAsync();
        await Expect(MessageRows).ToHaveCountAsync(2);
        Assert.Equal("2", (await other.PeekAsync(cancellationToken: Token))[0].Message.Json);
        await Button("Move …").ClickAsync();
        await Dialog.GetByLabel("To queue").FillAsync("other");
        await Dialog.GetByText("Move", new() { Exact = true }).ClickAsync();
        await Expect(Page.GetByText("No messages are in line.")).ToBeVisibleAsync();
        Assert.Equal((0, 3), (await orders.CountAsync(Token), await other.CountAsync(Token)));
    }

    [Fact]
    public async Task Clear_AsksForTheName()
    {
        TpqQueue queue = await NewQueueAsync("orders", "1", "2");
        await OpenAsync("#/queue/orders");
        await Button("Clear …").ClickAsync();
        await Dialog.GetByLabel("Type the name").FillAsync("order");
        await Dialog.GetByText("Clear", new() { Exact = true }).ClickAsync();
        await Expect(Dialog.GetByRole(AriaRole.Alert)).ToHaveTextAsync("That is not its name.");
        Assert.Equal(2, await queue.CountAsync(Token));
        await Dialog.GetByLabel("Type the name").FillAsync("orders");
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Page.GetByText("No messages are in line.")).ToBeVisibleAsync();
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task DeadLetters_AreShownWithTheirErrors_AndRedriven_OneAndAll()
    {
        TpqQueue queue = await NewQueueAsync("orders", "1", "2", "3");
        while (await queue.GetAsync(cancellationToken: Token) is { } delivery)
            await delivery.DeadLetterAsync($"Failed on {delivery.Message.Json}\nat a place", Token);
        await OpenAsync("#/queue/orders/dead");
        await Expect(MessageRows).ToHaveCountAsync(3);
        await Expect(MessageRows.First).ToContainTextAsync("Failed on 1");
        await MessageRows.First.GetByRole(AriaRole.Button).ClickAsync();
        await Expect(Dialog).ToContainTextAsync("at a place");
        await Dialog.GetByText("Redrive").ClickAsync();
        await Expect(MessageRows).ToHaveCountAsync(2);
        Assert.Equal("1", Assert.Single(await queue.PeekAsync(9, Token)).Message.Json);
        await Button("Redrive all …").ClickAsync();
        await Dialog.GetByText("Redrive all", new() { Exact = true }).ClickAsync();
        await Expect(Page.GetByText("There are no dead letters.")).ToBeVisibleAsync();
        Assert.Equal(3, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task WhatIsInHand_IsShownWithWhoHasIt()
    {
        await NewQueueAsync("orders", "1", "2");
        await using TpqClient worker = NewClient("shipping-worker");
        await using TpqDelivery held = (await worker.Queue("orders").GetAsync(cancellationToken: Token))!;
        await using TpqLeaseBatch leases = (await worker.Queue("orders").LeaseAsync(1, TimeSpan.FromMinutes(1), cancellationToken: Token))!;
        await OpenAsync("#/queue/orders/held");
        ILocator session = Page.GetByRole(AriaRole.Table, new() { Name = "Sessions" }).GetByRole(AriaRole.Row).Filter(new() { HasText = "shipping-worker" });
        await Expect(session).ToContainTextAsync($"{held.Message.Id}");
        await Expect(session).ToContainTextAsync("127.0.0.1");
        await Expect(Page.GetByRole(AriaRole.Table, new() { Name = "Leased messages" })).ToContainTextAsync($"{leases[0].Message.Id}");
        await held.CommitAsync(Token);
        await Expect(session).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task AnotherPage_ClosesTheQuestion()
    {
        await NewQueueAsync();
        await OpenAsync("#/queue/orders");
        await Button("Clear …").ClickAsync();
        await Page.GotoAsync(Address + "#/");
        await Expect(Row("orders")).ToBeVisibleAsync();
        await Expect(Page.Locator("dialog")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task ALongQueue_IsReadPageByPage()
    {
        await NewQueueAsync("orders", [.. Enumerable.Range(1, 60).Select(i => $"{i}")]);
        await OpenAsync("#/queue/orders");
        await Expect(MessageRows).ToHaveCountAsync(50);
        await Button("Next 50").ClickAsync();
        await Expect(MessageRows).ToHaveCountAsync(60);
        await Expect(Button("Next 50")).ToBeHiddenAsync();
    }

    [Fact]
    public async Task ReadOnly_HasNoActions()
    {
        await NewQueueAsync("orders", "1");
        await OpenAsync("#/queue/orders", allowWrites: false);
        await Expect(Page.Locator("#mode")).ToHaveTextAsync("read only");
        await MessageRows.GetByRole(AriaRole.Button).ClickAsync();
        await Expect(Dialog.Locator("pre")).ToHaveTextAsync("1");
        await Expect(Button("Delete …")).ToHaveCountAsync(0);
        await Expect(Button("Put …")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task AQueueThatIsNotThere_IsSaid()
    {
        await OpenAsync("#/queue/nope");
        await Expect(Page.GetByText("There is no queue \"nope\" that may be read.")).ToHaveCountAsync(1);
        await Expect(Page.GetByText("There is no queue \"nope\" that may be read.")).ToBeVisibleAsync();
    }
}
