using System.Diagnostics;
using System.Text.Json;
using Tpq.Cli.Tests.Fixtures;

namespace Tpq.Cli.Tests;

public sealed class ConsumeTests(Server server) : CommandTest(server)
{
    [Theory]
    [InlineData("consume")]
    [InlineData("get")]
    public async Task Consume_WritesTheMessageAndRemovesIt_WhenThereIsOne(string verb)
    {
        await NewQueueAsync("orders", "{\"foo\": \"bar\"}", "2");
        Ended ended = (await RunAsync(verb, "orders", "--wait=-1")).With(0);
        Assert.Equal("{\"foo\": \"bar\"}\n", ended.Output);
        Assert.Equal("", ended.Error);
        Assert.Equal(["2"], await StoredAsync("orders"));
    }

    [Theory]
    [InlineData()]
    [InlineData("--wait=-1")]
    [InlineData("--wait", "-1")]
    [InlineData("--wait=none")]
    [InlineData("--count=5")]
    public async Task Consume_SaysQueueEmpty_WhenItIs(params string[] options)
    {
        await NewQueueAsync("orders");
        Ended ended = (await RunAsync(["consume", "orders", .. options])).With(1);
        Assert.Equal("Queue empty\n", ended.Error);
        Assert.Equal("", ended.Output);
    }

    [Fact]
    public async Task Consume_SaysNothing_WhenQuietAndEmpty()
    {
        await NewQueueAsync("orders");
        Assert.Equal("", (await RunAsync("consume", "orders", "--quiet")).With(1).Error);
    }

    [Theory]
    [InlineData("--wait=0.5")]
    [InlineData("--wait=500ms")]
    public async Task Consume_WaitsThatLong_WhenNothingComes(string wait)
    {
        await NewQueueAsync("orders");
        long start = Stopwatch.GetTimestamp();
        (await RunAsync("consume", "orders", wait)).With(1);
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromSeconds(0.5));
    }

    [Theory]
    [InlineData("--wait=0")]
    [InlineData("--wait=forever")]
    [InlineData("--wait=60")]
    [InlineData("--wait=1m")]
    public async Task Consume_WaitsForAMessage_WhenToldTo(string wait)
    {
        TpqQueue queue = await NewQueueAsync("orders");
        using Running running = Start("consume", "orders", wait, "--debug");
        await running.SaysAsync("Attempting to read item");
        await queue.PutAsync("[1]", Token);
        Assert.Equal("[1]\n", (await running.EndAsync()).With(0).Output);
    }

    [Fact]
    public async Task Consume_TriesTheQueuesInTheirOrder_WhenSeveralAreNamed()
    {
        await NewQueueAsync("low", "1", "2");
        await NewQueueAsync("high", "3");
        Assert.Equal("3\n1\n2\n", (await RunAsync("consume", "high", "low", "--count=9")).With(0).Output);
    }

    [Fact]
    public async Task Consume_WaitsForAnyOfThem_WhenSeveralAreNamed()
    {
        await NewQueueAsync("high");
        TpqQueue low = await NewQueueAsync("low");
        (await RunAsync("consume", "high", "low", "--wait=0.3")).With(1);
        using Running running = Start("consume", "high", "low", "--wait=0", "--debug");
        await running.SaysAsync("from queue low");
        await low.PutAsync("[1]", Token);
        Assert.Equal("[1]\n", (await running.EndAsync()).With(0).Output);
    }

    [Fact]
    public async Task Consume_NamesTheMissingQueue_WhenSeveralAreNamed()
    {
        await NewQueueAsync("orders");
        Assert.Equal(
            $"Could not read from queue \"nope\": there is no such queue in database \"{Server.Database}\" (tpq create --schema={Schema} nope makes it)\n",
            (await RunAsync("consume", "orders", "nope")).With(3).Error);
    }

    [Fact]
    public async Task Count_TakesThatMany_WhenThereAreMore()
    {
        await NewQueueAsync("orders", "1", "2", "3");
        Assert.Equal("1\n2\n", (await RunAsync("consume", "orders", "--count=2")).With(0).Output);
        Assert.Equal("3\n", (await RunAsync("consume", "orders", "--count=2", "--wait=0.2")).With(0).Output);
    }

    [Theory]
    [InlineData("--count=300")]
    [InlineData("--follow", "--wait=0.2")]
    public async Task Consume_RemovesManyAtOnce_WhenItWritesMany(params string[] options)
    {
        string[] messages = [.. Enumerable.Range(0, 300).Select(n => $"{n}")];
        await NewQueueAsync("orders", messages);
        await NewQueueAsync("empty");
        await ExecuteAsync(
            $"""
            CREATE TABLE {Schema}.commits (xact xid8);
            CREATE FUNCTION {Schema}.note() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN INSERT INTO {Schema}.commits VALUES (pg_current_xact_id()); RETURN NULL; END $$;
            CREATE TRIGGER note AFTER DELETE ON {Schema}.tpq_orders FOR EACH ROW EXECUTE FUNCTION {Schema}.note();
            """);
        Ended ended = (await RunAsync(["consume", "empty", "orders", .. options])).With(0);
        Assert.Equal(string.Concat(messages.Select(m => m + "\n")), ended.Output);
        Assert.Equal(300L, await ScalarAsync<long>($"SELECT count(*) FROM {Schema}.commits"));
        Assert.InRange(await ScalarAsync<long>($"SELECT count(DISTINCT xact) FROM {Schema}.commits"), 3, 20);
    }

    [Fact]
    public async Task Follow_TakesWhatComes_UntilInterrupted()
    {
        TpqQueue queue = await NewQueueAsync("orders", "1");
        using Running running = Start("consume", "orders", "--follow");
        await running.SaysAsync("1\n");
        await queue.PutAsync("2", Token);
        await running.SaysAsync("2\n");
        running.Signal("TERM");
        Ended ended = (await running.EndAsync()).With(130);
        Assert.Equal("1\n2\n", ended.Output);
        Assert.Equal("", ended.Error);
        Assert.Empty(await StoredAsync("orders"));
    }

    [Fact]
    public async Task Consume_Stops_WhenCtrlCIsPressed()
    {
        await NewQueueAsync("orders");
        using Running running = StartOnTerminal("exec $TPQ consume orders --wait=0 --debug");
        await running.SaysAsync("Attempting to read item");
        await running.Input.WriteAsync("\u0003"u8.ToArray(), Token);
        await running.Input.FlushAsync(Token);
        (await running.EndAsync()).With(130);
    }

    [Fact]
    public async Task Consume_DropsOnlyLineBreaksBetweenTokens_WhenItWritesALine()
    {
        const string Stored = "{\r\n  \"a\" : [1,\n 2 ],\n\t\"s\": \"x\\ny\", \"n\": 1.00, \"n\": 1e400}";
        await NewQueueAsync("orders", Stored);
        Assert.Equal("{  \"a\" : [1, 2 ],\t\"s\": \"x\\ny\", \"n\": 1.00, \"n\": 1e400}\n", (await RunAsync("consume", "orders")).With(0).Output);
    }

    [Fact]
    public async Task Raw_WritesWhatIsStored()
    {
        const string Stored = "{\n  \"a\" : \"\\ud800 ü\"\r\n}";
        await NewQueueAsync("orders", Stored);
        Assert.Equal(Stored + "\n", (await RunAsync("consume", "orders", "--raw")).With(0).Output);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("\"\"")]
    [InlineData("0")]
    [InlineData("{}")]
    public async Task Consume_TakesTheMessage_WhenItLooksLikeNothing(string json)
    {
        await NewQueueAsync("orders", json);
        Assert.Equal(json + "\n", (await RunAsync("consume", "orders")).With(0).Output);
    }

    [Fact]
    public async Task Envelope_WritesAllThatIsKnown_OnOneLine()
    {
        TpqQueue queue = await NewQueueAsync("bücher \"neu\"");
        long id = await queue.PutAsync(new TpqPut("{\n\"total\": 1.00, \"big\": 12345678901234567890}")
        {
            Headers = new Dictionary<string, string> { ["trace"] = "ä\"b" },
        }, Token);
        string line = (await RunAsync("consume", queue.Name, "--envelope")).With(0).Output;
        Assert.Equal(1, line.Count(c => c == '\n'));
        Assert.EndsWith("\"data\":{\"total\": 1.00, \"big\": 12345678901234567890}}\n", line);
        using var json = JsonDocument.Parse(line);
        JsonElement envelope = json.RootElement;
        Assert.Equal(["queue", "id", "attempts", "enqueued_at", "headers", "data"], envelope.EnumerateObject().Select(p => p.Name));
        Assert.Equal(queue.Name, envelope.GetProperty("queue").GetString());
        Assert.Equal(id, envelope.GetProperty("id").GetInt64());
        Assert.Equal(0, envelope.GetProperty("attempts").GetInt32());
        Assert.InRange(DateTimeOffset.UtcNow - envelope.GetProperty("enqueued_at").GetDateTimeOffset(), TimeSpan.FromMinutes(-1), TimeSpan.FromMinutes(1));
        Assert.Equal("ä\"b", envelope.GetProperty("headers").GetProperty("trace").GetString());
    }

    [Fact]
    public async Task Consume_SaysWhatItDoes_WhenDebugging()
    {
        await NewQueueAsync("orders", "\"my-secret-payload\"");
        Ended ended = (await RunAsync("consume", "orders", "--debug")).With(0);
        foreach (string words in new[]
        {
            "Read database config from environment", "Parsing TPQ_URL", "Database config found", $"host {new Uri(Server.Url).Host}",
            $"database {Server.Database}", "Attempting to read item", "Item read, returning",
        })
        {
            Assert.Contains(words, ended.Error);
        }
        Assert.Equal("\"my-secret-payload\"\n", ended.Output);
        Assert.DoesNotContain("my-secret-payload", ended.Error);
        Assert.DoesNotContain(Uri.UnescapeDataString(new Uri(Server.Url).UserInfo.Split(':')[1]), ended.Error);
    }
}
