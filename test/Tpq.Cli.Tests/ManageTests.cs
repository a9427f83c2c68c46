using System.Text.Json;
using Tpq.Cli.Tests.Fixtures;

namespace Tpq.Cli.Tests;

public sealed class ManageTests(Server server) : CommandTest(server)
{
    [Fact]
    public async Task Create_CreatesOnce()
    {
        Assert.Equal($"Created queue \"orders\" in database \"{Server.Database}\".\n", (await RunAsync("create", "orders")).With(0).Error);
        await Client.Queue("orders").PutAsync("1", Token);
        Assert.Equal(
            $"Queue \"orders\" is already in database \"{Server.Database}\"; it was left as it is.\n", (await RunAsync("create", "orders")).With(0).Error);
        Assert.Equal(["1"], await StoredAsync("orders"));
    }

    [Theory]
    [InlineData("always")]
    [InlineData("never")]
    [InlineData("auto")]
    public async Task Create_MakesWhatTheLibraryMakes_WhenNotifyIsGiven(string notify)
    {
        (await RunAsync("create", "orders", $"--notify={notify}")).With(0);
        await Client.Queue("model").CreateAsync(new TpqQueueOptions { Notify = Enum.Parse<TpqNotify>(notify, ignoreCase: true) }, Token);
        Assert.Equal(await TriggersAsync("model"), await TriggersAsync("orders"));
    }

    [Fact]
    public async Task Upgrade_AddsWhatIsMissing_WhenAnotherMadeTheQueue()
    {
        await ExecuteAsync($"CREATE TABLE {Schema}.tpq_orders (id bigserial PRIMARY KEY, data json NOT NULL); INSERT INTO {Schema}.tpq_orders (data) VALUES ('[1]')");
        Assert.Equal("Upgraded queue \"orders\".\n", (await RunAsync("upgrade", "orders")).With(0).Error);
        Assert.Equal("Queue \"orders\" is up to date.\n", (await RunAsync("upgrade", "orders")).With(0).Error);
        await Client.Queue("orders").PutAsync(new TpqPut("[2]") { Headers = new Dictionary<string, string> { ["a"] = "b" } }, Token);
        Assert.Equal(["[1]", "[2]"], await StoredAsync("orders"));
    }

    [Fact]
    public async Task Schema_WritesStatementsThatMakeTheQueue_WithoutADatabase()
    {
        var start = Command("schema", "it's", "--notify=never");
        start.Environment.Remove("TPQ_URL");
        using var running = new Running(start);
        Ended ended = (await running.EndAsync()).With(0);
        Assert.Equal("", ended.Error);
        await ExecuteAsync(ended.Output);
        await Client.Queue("it's").PutAsync("1", Token);
        Assert.False(await Client.Queue("it's").CreateAsync(cancellationToken: Token));
    }

    [Fact]
    public async Task Drop_WantsYes_WhereThereIsNoTerminal()
    {
        await NewQueueAsync("orders", "1", "2", "3");
        string what = $"queue \"orders\" with 3 messages from database \"{Server.Database}\"";
        Assert.Equal($"Drop {what}? There is no terminal to ask on: --yes does it.\n", (await RunAsync("y\n", ["drop", "orders"])).With(2).Error);
        Assert.Equal(3, (await StoredAsync("orders")).Length);
        Assert.Equal($"Dropped {what}.\n", (await RunAsync("drop", "orders", "--yes")).With(0).Error);
        Assert.False(await Client.Queue("orders").ExistsAsync(Token));
    }

    [Fact]
    public async Task Drop_TellsOfWhatIsNotReadyToo()
    {
        TpqQueue queue = await NewQueueAsync("orders", "1", "2", "3");
        await queue.PutAsync(new TpqPut("4") { Delay = TimeSpan.FromHours(1) }, Token);
        await using TpqLeaseBatch leases = (await queue.LeaseAsync(2, TimeSpan.FromMinutes(1), cancellationToken: Token))!;
        Assert.StartsWith("Drop queue \"orders\" with 1 message, and 3 for later or leased, from database ", (await RunAsync("drop", "orders")).With(2).Error);
    }

    [Theory]
    [InlineData("id bigint PRIMARY KEY, other int")]
    [InlineData("id bigint PRIMARY KEY, data json) PARTITION BY RANGE (id")]
    public async Task Drop_Refuses_WhatIsNoQueue(string columns)
    {
        await ExecuteAsync($"CREATE TABLE {Schema}.tpq_mine ({columns})");
        string error = (await RunAsync("drop", "mine", "--yes")).With(3).Error;
        Assert.StartsWith($"Could not drop queue \"mine\": table \"{Schema}\".\"tpq_mine\" is not a queue: ", error);
        Assert.Equal(1L, await ScalarAsync<long>($"SELECT count(*) FROM pg_class WHERE relname = 'tpq_mine' AND relnamespace = '{Schema}'::regnamespace"));
    }

    [Fact]
    public async Task Clear_WantsYes_WhereThereIsNoTerminal()
    {
        await NewQueueAsync("orders", "1", "2");
        string where = $"queue \"orders\" of database \"{Server.Database}\"";
        Assert.Equal($"Remove 2 messages from {where}? There is no terminal to ask on: --yes does it.\n", (await RunAsync("clear", "orders")).With(2).Error);
        Assert.Equal(2, (await StoredAsync("orders")).Length);
        Assert.Equal($"Removed 2 messages from {where}.\n", (await RunAsync("clear", "orders", "--yes")).With(0).Error);
        Assert.Empty(await StoredAsync("orders"));
    }

    [Theory]
    [InlineData("drop", "Nothing was dropped.")]
    [InlineData("clear", "Nothing was removed.")]
    public async Task DropAndClear_Ask_OnATerminal(string verb, string refusal)
    {
        await NewQueueAsync("orders", "1");
        Ended no = (await OnTerminalAsync($"$TPQ {verb} orders", "\n")).With(0);
        Assert.Contains("1 message from", no.Output);
        Assert.Contains($"database \"{Server.Database}\"? [y/N]", no.Output);
        Assert.Contains(refusal, no.Output);
        Assert.Equal(["1"], await StoredAsync("orders"));
        (await OnTerminalAsync($"$TPQ {verb} orders", "y\n")).With(0);
        Assert.Equal(verb == "clear", await Client.Queue("orders").ExistsAsync(Token));
        Assert.True(verb == "drop" || (await StoredAsync("orders")).Length == 0);
    }

    [Fact]
    public async Task Drop_DoesNothing_WhenInterruptedWhileItAsks()
    {
        await NewQueueAsync("orders", "1");
        using Running running = StartOnTerminal("exec $TPQ drop orders");
        await running.SaysAsync("[y/N]");
        await running.Input.WriteAsync("\u0003"u8.ToArray(), Token);
        await running.Input.FlushAsync(Token);
        (await running.EndAsync()).With(130);
        Assert.Equal(["1"], await StoredAsync("orders"));
    }

    [Fact]
    public async Task Delete_RemovesOne_UnlessItIsInHandOrMissing()
    {
        TpqQueue queue = await NewQueueAsync("orders", "1", "2");
        IReadOnlyList<TpqPeeked> peeked = await queue.PeekAsync(2, Token);
        long first = peeked[0].Message.Id, second = peeked[1].Message.Id;
        await using TpqDelivery? taken = await queue.GetAsync(cancellationToken: Token);
        Assert.Equal(first, taken!.Message.Id);
        Assert.Equal(
            $"Queue \"orders\" has no message {first}, or a consumer has it in hand.\n", (await RunAsync("delete", "orders", $"{first}")).With(1).Error);
        (await RunAsync("delete", "orders", $"{second}")).With(0);
        (await RunAsync("delete", "orders", $"{second}")).With(1);
        Assert.Equal(["1"], await StoredAsync("orders"));
    }

    [Fact]
    public async Task Count_WritesTheNumberAlone()
    {
        await NewQueueAsync("orders", [.. Enumerable.Range(0, 1234).Select(n => $"{n}")]);
        Assert.Equal("1234\n", (await RunAsync("count", "orders")).With(0).Output);
    }

    [Fact]
    public async Task Peek_ShowsWholeMessagesAndTakesNone_WhereThereIsNoTerminal()
    {
        string payload = $"{{\"text\":\n\"[bold]{new string('x', 500)}[/] \u001b[31m\"}}".Replace("\u001b", "\u009b", StringComparison.Ordinal);
        TpqQueue queue = await NewQueueAsync("orders", payload, "2", "3");
        await using TpqDelivery? taken = await queue.GetAsync(cancellationToken: Token);
        string output = (await RunAsync("peek", "orders", "--count=2")).With(0).Output;
        string[] lines = output.TrimEnd('\n').Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Matches("^id +age +attempts +in hand +data$", lines[0]);
        Assert.Matches("^1 +[0-9]+s +0 +yes +\\{", lines[1]);
        Assert.Contains(payload.Replace("\n", "", StringComparison.Ordinal).Replace("\u009b", "\\u009b", StringComparison.Ordinal), lines[1]);
        Assert.Matches("^2 +[0-9]+s +0 +no +2$", lines[2]);
        Assert.Equal(3, (await StoredAsync("orders")).Length);
    }

    [Fact]
    public async Task Peek_CutsTheData_OnATerminal()
    {
        await NewQueueAsync("orders", $"\"{new string('x', 500)}\"", $"\"{string.Concat(Enumerable.Repeat("日本", 300))}\"");
        string output = (await OnTerminalAsync("stty cols 70; $TPQ peek orders", "")).With(0).Output;
        Assert.Contains("xxx…", output);
        Assert.Equal(6, output.Split("\r\n").Count(l => l.Length > 0));
        (await OnTerminalAsync("stty cols 12; $TPQ peek orders", "")).With(0);
    }

    [Fact]
    public async Task Peek_WritesAnArray_WhenJsonIsAskedFor()
    {
        await NewQueueAsync("orders", "{\"n\":\n 1.00}", "2");
        string output = (await RunAsync("peek", "orders", "--json")).With(0).Output;
        Assert.Contains("\"data\":{\"n\": 1.00}}", output);
        using var json = JsonDocument.Parse(output);
        Assert.Equal([1, 2], json.RootElement.EnumerateArray().Select(m => m.GetProperty("id").GetInt64()));
        Assert.All(json.RootElement.EnumerateArray(), m => Assert.False(m.GetProperty("taken").GetBoolean()));
        Assert.Equal("[]\n", (await RunAsync("peek", (await NewQueueAsync("empty")).Name, "--json")).With(0).Output);
    }

    [Fact]
    public async Task List_ShowsCountsAndTheOldestAge()
    {
        await NewQueueAsync("empty");
        await NewQueueAsync("orders", [.. Enumerable.Range(0, 1500).Select(n => $"{n}")]);
        await ExecuteAsync($"UPDATE {Schema}.tpq_orders SET enqueued_at = now() - interval '3 hours 12 minutes' WHERE id = 1");
        string[] lines = (await RunAsync("list")).With(0).Output.TrimEnd('\n').Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Matches("^queue +messages +oldest$", lines[0]);
        Assert.Matches("^empty +0$", lines[1]);
        Assert.Matches("^orders +1,500 +3h 1[2-9]m$", lines[2]);

        using var json = JsonDocument.Parse((await RunAsync("list", "--json")).With(0).Output);
        Assert.Equal(["empty", "orders"], json.RootElement.EnumerateArray().Select(q => q.GetProperty("queue").GetString()));
        Assert.Equal([0, 1500], json.RootElement.EnumerateArray().Select(q => q.GetProperty("count").GetInt64()));
        Assert.Equal(JsonValueKind.Null, json.RootElement[0].GetProperty("oldest").ValueKind);
        Assert.InRange(DateTimeOffset.UtcNow - json.RootElement[1].GetProperty("oldest").GetDateTimeOffset(), TimeSpan.FromHours(3), TimeSpan.FromHours(4));
    }

    [Fact]
    public async Task Move_MovesFromTheFront_InOneTransaction()
    {
        await NewQueueAsync("a", "1", "2", "3");
        await NewQueueAsync("b", "0");
        Assert.Equal("Moved 2 messages from queue \"a\" to queue \"b\".\n", (await RunAsync("move", "a", "b", "--count=2")).With(0).Error);
        Assert.Equal(["3"], await StoredAsync("a"));
        Assert.Equal(["0", "1", "2"], await StoredAsync("b"));
        (await RunAsync("move", "a", "b")).With(0);
        Assert.Equal(["0", "1", "2", "3"], await StoredAsync("b"));
        Assert.Equal(2L, await ScalarAsync<long>($"SELECT count(DISTINCT xmin::text) FROM {Schema}.tpq_b WHERE data::text <> '0'"));
        Assert.Contains("queue \"nope\": there is no such queue", (await RunAsync("move", "b", "nope")).With(3).Error);
        Assert.Equal(4, (await StoredAsync("b")).Length);
    }

    Task<string> TriggersAsync(string queue) => ScalarAsync<string>(
        $"SELECT coalesce(string_agg(replace(pg_get_triggerdef(oid), '{queue}', '<queue>'), ' '), '') FROM pg_trigger WHERE tgrelid = '{Schema}.tpq_{queue}'::regclass");
}
