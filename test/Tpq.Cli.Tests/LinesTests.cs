using System.Text;
using Tpq.Cli.Tests.Fixtures;

namespace Tpq.Cli.Tests;

public sealed class LinesTests(Server server) : CommandTest(server)
{
    [Fact]
    public async Task Lines_PutsEachInOrder_WhenTheyComeThroughAPipe()
    {
        await NewQueueAsync("orders");
        Ended ended = (await RunAsync("\uFEFF{\"n\": 1}\r\n\r\n  \n [2] \n\"last, without a line break\"", ["produce", "orders", "--lines"])).With(0);
        Assert.Equal(["{\"n\": 1}", " [2] ", "\"last, without a line break\""], await StoredAsync("orders"));
        Assert.Equal("Put 3 messages into queue \"orders\".\n", ended.Error);
        Assert.Equal("", ended.Output);
    }

    [Fact]
    public async Task Lines_PutsTheFile_WhenOneIsGiven()
    {
        await NewQueueAsync("orders");
        await File.WriteAllLinesAsync(FilePath("orders.jsonl"), Enumerable.Range(0, 10_000).Select(n => $"{n}"), Token);
        Ended ended = (await RunAsync("produce", "orders", "--lines", "--file", "orders.jsonl")).With(0);
        Assert.Equal("Put 10,000 messages into queue \"orders\".\n", ended.Error);
        Assert.Equal(Enumerable.Range(0, 10_000).Select(n => $"{n}"), await StoredAsync("orders"));
    }

    [Fact]
    public async Task Lines_PutsALine_WhenItIsLong()
    {
        await NewQueueAsync("orders");
        string line = $"\"{new string('x', 30_000_000)}\"";
        (await RunAsync($"1\n{line}\n2", ["produce", "orders", "--lines"])).With(0);
        Assert.Equal(
            [1, line.Length, 1], await ScalarAsync<int[]>($"SELECT array_agg(length(data::text) ORDER BY id) FROM {Schema}.tpq_orders"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\n")]
    public async Task Lines_NamesTheMissingQueue_WhenThereIsNoLineEither(string input)
    {
        Assert.Contains("queue \"nope\": there is no such queue", (await RunAsync(input, ["produce", "nope", "--lines"])).With(3).Error);
        await NewQueueAsync("orders");
        Assert.Equal("Put 0 messages into queue \"orders\".\n", (await RunAsync(input, ["produce", "orders", "--lines"])).With(0).Error);
    }

    [Fact]
    public async Task Lines_SaysNothing_WhenQuiet()
    {
        await NewQueueAsync("orders");
        Assert.Equal("", (await RunAsync("1\n", ["produce", "orders", "--lines", "--quiet"])).With(0).Error);
    }

    [Theory]
    [InlineData("1\n\n3\n{\"a\" 4}\n5\n", "Line 4: not a JSON value: ", " (column 6). Nothing was put.\n")]
    [InlineData("1\n2 3\n", "Line 2: not a JSON value: ", " (column 3). Nothing was put.\n")]
    [InlineData("\uFEFFx\n", "Line 1: not a JSON value: ", " (column 1). Nothing was put.\n")]
    public async Task Lines_PutsNothing_WhenALineIsBad(string input, string start, string end)
    {
        await NewQueueAsync("orders");
        Ended ended = (await RunAsync(input, ["produce", "orders", "--lines"])).With(2);
        Assert.StartsWith(start, ended.Error);
        Assert.EndsWith(end, ended.Error);
        Assert.Empty(await StoredAsync("orders"));
    }

    [Fact]
    public async Task Lines_KeepsTheBatchesBefore_WhenALineIsBad()
    {
        await NewQueueAsync("orders");
        string input = string.Concat(Enumerable.Range(1, 2_500).Select(n => $"{n}\n")) + "x\n";
        Ended ended = (await RunAsync(input, ["produce", "orders", "--lines", "--batch=1000"])).With(2);
        Assert.StartsWith("Line 2,501: not a JSON value: ", ended.Error);
        Assert.EndsWith(" (column 1). 2,000 messages of the lines before it were put.\n", ended.Error);
        Assert.Equal(Enumerable.Range(1, 2_000).Select(n => $"{n}"), await StoredAsync("orders"));
    }

    [Fact]
    public async Task Batch_IsCommittedWhenItIsFull_AndCountedWhenALaterOneFails()
    {
        await NewQueueAsync("orders");
        using Running running = Start("produce", "orders", "--lines", "--batch=2");
        await running.Input.WriteAsync("1\n2\n"u8.ToArray(), Token);
        await running.Input.FlushAsync(Token);
        await Eventually.TrueAsync(async () => (await StoredAsync("orders")).Length == 2, () => "two messages");
        await ExecuteAsync($"DROP TABLE {Schema}.tpq_orders");
        await running.Input.WriteAsync("3\n"u8.ToArray(), Token);
        running.Input.Close();
        string error = (await running.EndAsync()).With(3).Error;
        Assert.StartsWith("2 messages of the lines before it were put.\nCould not write to queue \"orders\": ", error);
    }

    [Theory]
    [InlineData(null, 1)]
    [InlineData("--batch=2", 3)]
    [InlineData("--batch=5", 1)]
    public async Task Lines_CommitsOnceOrPerBatch_WhenAllAreGood(string? batch, long transactions)
    {
        await NewQueueAsync("orders");
        string[] args = ["produce", "orders", "--lines", .. batch is null ? Array.Empty<string>() : [batch]];
        Ended ended = (await RunAsync("1\n2\n3\n4\n5\n", args)).With(0);
        Assert.Equal("Put 5 messages into queue \"orders\".\n", ended.Error);
        Assert.Equal(transactions, await ScalarAsync<long>($"SELECT count(DISTINCT xmin::text) FROM {Schema}.tpq_orders"));
        Assert.Equal(5, await ScalarAsync<long>($"SELECT count(*) FROM {Schema}.tpq_orders"));
    }

    [Fact]
    public async Task Lines_UsesCopyAndPutsNothing_WhenInterruptedMidway()
    {
        await NewQueueAsync("orders");
        using Running running = Start("produce", "orders", "--lines");
        await running.Input.WriteAsync("1\n2\n3\n"u8.ToArray(), Token);
        await running.Input.FlushAsync(Token);
        await Eventually.TrueAsync(
            () => ScalarAsync<bool>($"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'COPY \"{Schema}\".\"tpq_orders\"%' AND state = 'active')"),
            () => "a COPY under way");
        running.Signal("TERM");
        Assert.Equal("Interrupted. Nothing was put.\n", (await running.EndAsync()).With(130).Error);
        Assert.Empty(await StoredAsync("orders"));
    }

    [Fact]
    public async Task Lines_NeedsConstantMemory_WhenThePipeIsLong()
    {
        await NewQueueAsync("orders");
        var start = Command("produce", "orders", "--lines");
        start.Environment["DOTNET_GCHeapHardLimit"] = "0x1800000";
        using var running = new Running(start);
        byte[] line = Encoding.UTF8.GetBytes($"\"{new string('x', 1000)}\"\n");
        byte[] block = [.. Enumerable.Repeat(line, 1000).SelectMany(l => l)];
        for (int i = 0; i < 60; i++)
            await running.Input.WriteAsync(block, Token);
        running.Input.Close();
        Assert.Equal("Put 60,000 messages into queue \"orders\".\n", (await running.EndAsync()).With(0).Error);
    }

    [Fact]
    public async Task Lines_ShowsProgress_WhenErrorsGoToATerminal()
    {
        await NewQueueAsync("orders");
        await File.WriteAllLinesAsync(FilePath("orders.jsonl"), Enumerable.Range(0, 1_000).Select(n => $"{n}"), Token);
        Ended file = (await OnTerminalAsync("$TPQ produce orders --lines --file=orders.jsonl", "")).With(0);
        Assert.Contains("━", file.Output);
        Assert.Contains("100%", file.Output);
        Assert.Contains("Put 1,000 messages into queue \"orders\".", file.Output);
        Ended pipe = (await OnTerminalAsync("cat orders.jsonl | $TPQ produce orders --lines", "")).With(0);
        Assert.Contains("0 messages", pipe.Output);
        Assert.DoesNotContain("%", pipe.Output);
    }

    [Fact]
    public async Task Batch_IsRefused_WithoutLines() =>
        Assert.Contains("--batch is for --lines.", (await RunAsync("produce", "orders", "--batch=5")).With(2).Error);
}
