using Tpq.Cli.Tests.Fixtures;

namespace Tpq.Cli.Tests;

public sealed class ProduceTests(Server server) : CommandTest(server)
{
    [Theory]
    [InlineData("produce")]
    [InlineData("put")]
    public async Task Produce_PutsStandardInput_WhenNoFileIsGiven(string verb)
    {
        await NewQueueAsync("orders");
        Ended ended = (await RunAsync("{\"foo\":  \"bar\",\n \"n\": 1.0}\n", [verb, "orders"])).With(0);
        Assert.Equal(["{\"foo\":  \"bar\",\n \"n\": 1.0}"], await StoredAsync("orders"));
        Assert.Equal("", ended.Output);
        Assert.Equal("", ended.Error);
    }

    [Fact]
    public async Task Produce_PutsTheFile_WhenOneIsGiven()
    {
        await NewQueueAsync("orders");
        await File.WriteAllTextAsync(FilePath("message.json"), "\uFEFF{\"foo\": \"bär\"}\r\n", Token);
        (await RunAsync("produce", "orders", "--file=message.json")).With(0);
        (await RunAsync("[1]", ["produce", "orders", "--file=-"])).With(0);
        Assert.Equal(["{\"foo\": \"bär\"}", "[1]"], await StoredAsync("orders"));
    }

    [Fact]
    public async Task Produce_WithADelay_IsForLater()
    {
        await NewQueueAsync("orders");
        (await RunAsync("1", ["produce", "orders", "--delay=1h"])).With(0);
        (await RunAsync("2\n3\n", ["produce", "orders", "--lines", "--delay=200ms"])).With(0);
        Assert.Equal("2\n3\n", (await RunAsync("consume", "orders", "--count=2", "--wait=1m")).With(0).Output);
        (await RunAsync("consume", "orders")).With(1);
        (await RunAsync("delete", "orders", "1")).With(0);
        (await RunAsync("4", ["produce", "orders", "--delay=0"])).With(0);
        Assert.Equal(["4"], await StoredAsync("orders"));
    }

    [Theory]
    [InlineData("-5")]
    [InlineData("soon")]
    [InlineData("1001d")]
    public async Task Produce_RefusesADelayThatIsNone(string delay)
    {
        await NewQueueAsync("orders");
        Assert.Contains($"--delay={delay} is no time: ", (await RunAsync("1", ["produce", "orders", $"--delay={delay}"])).With(2).Error, StringComparison.Ordinal);
        Assert.Empty(await StoredAsync("orders"));
    }

    [Fact]
    public async Task Produce_Fails_WhenTheFileIsMissing()
    {
        await NewQueueAsync("orders");
        Assert.StartsWith("Could not read \"nothing.json\": ", (await RunAsync("produce", "orders", "--file=nothing.json")).With(2).Error);
    }

    [Fact]
    public async Task Produce_CreatesTheQueue_WhenAskedTo()
    {
        Ended missing = (await RunAsync("1", ["produce", "orders"])).With(3);
        Assert.Equal(
            $"Could not write to queue \"orders\": there is no such queue in database \"{Server.Database}\" (tpq create --schema={Schema} orders makes it)\n",
            missing.Error);
        (await RunAsync("1", ["produce", "orders", "--create"])).With(0);
        (await RunAsync("2", ["produce", "orders", "--create"])).With(0);
        Assert.Equal(["1", "2"], await StoredAsync("orders"));
    }

    [Fact]
    public async Task ProduceLines_CreatesTheQueue_ButNotForWhatIsNoJson()
    {
        (await RunAsync("{]\n", ["produce", "orders", "--create", "--lines"])).With(2);
        Assert.False(await Client.Queue("orders").ExistsAsync(Token));
        (await RunAsync("", ["produce", "orders", "--create", "--lines"])).With(0);
        (await RunAsync("1\n2\n", ["produce", "later", "--create", "--lines"])).With(0);
        Assert.Empty(await StoredAsync("orders"));
        Assert.Equal(["1", "2"], await StoredAsync("later"));
    }

    [Theory]
    [InlineData("", "standard input", "is a directory")]
    [InlineData("--lines", "standard input", "is a directory")]
    [InlineData("--file=/tmp", "\"/tmp\"", "it is a directory.")]
    [InlineData("--lines --file=/proc/self/mem", "\"/proc/self/mem\"", "nput/output error")]
    public async Task Produce_Exits2AndNamesTheInput_WhenItCannotBeRead(string options, string input, string reason)
    {
        await NewQueueAsync("orders");
        string error = (await BashAsync($"$TPQ produce orders {options} </tmp")).With(2).Error;
        Assert.StartsWith($"Could not read {input}: ", error);
        Assert.Contains(reason, error);
    }

    [Fact]
    public async Task Produce_Stops_WhileANamedPipeHasNoWriter()
    {
        await NewQueueAsync("orders");
        (await BashAsync(
            """
            pipe=$(mktemp -u); mkfifo "$pipe"
            $TPQ produce orders --debug --file="$pipe" 2> "$pipe.err" & tpq=$!
            until grep -q "config found" "$pipe.err"; do sleep 0.05; done
            kill -TERM $tpq; wait $tpq; code=$?
            rm "$pipe" "$pipe.err"; exit $code
            """)).With(130);
    }

    [Fact]
    public async Task Produce_LeavesNoQueueBehind_WhenTheInputIsNotJson()
    {
        string error = (await RunAsync("{\"a\":1,}", ["produce", "orders", "--create"])).With(2).Error;
        Assert.Equal("Could not write to queue \"orders\": not a JSON value: a comma before a closing bracket (line 1, column 8).\n", error);
        Assert.False(await Client.Queue("orders").ExistsAsync(Token));
    }

    [Theory]
    [InlineData("")]
    [InlineData("--lines")]
    public async Task Produce_Fails_WhenStandardInputIsClosed(string options)
    {
        await NewQueueAsync("orders");
        Ended ended = (await BashAsync($"$TPQ produce orders {options} <&-")).With(2);
        Assert.Equal("Could not read standard input: it is closed.\n", ended.Error);
    }

    [Theory]
    [InlineData("1 2", "The input holds more than one JSON value; --lines puts one per line.\n")]
    [InlineData("{\"a\":[1]}\n{\"a\":[2]}\n", "The input holds more than one JSON value; --lines puts one per line.\n")]
    [InlineData("", "The input is empty; a message is one JSON value.\n")]
    [InlineData(" \n\t", "The input is empty; a message is one JSON value.\n")]
    [InlineData("\uFEFF", "The input is empty; a message is one JSON value.\n")]
    public async Task Produce_RefusesTheInput_WhenItIsNotOneValue(string input, string error)
    {
        await NewQueueAsync("orders");
        Assert.Equal(error, (await RunAsync(input, ["produce", "orders"])).With(2).Error);
        Assert.Empty(await StoredAsync("orders"));
    }

    [Theory]
    [InlineData("{\"a\":\n  x}", "(line 2, column 3).\n")]
    [InlineData("{\"a\": 1} x", "(line 1, column 10).\n")]
    [InlineData("NaN", "(line 1, column 1).\n")]
    public async Task Produce_SaysWhere_WhenTheInputIsNotJson(string input, string end)
    {
        await NewQueueAsync("orders");
        string error = (await RunAsync(input, ["produce", "orders"])).With(2).Error;
        Assert.StartsWith("Could not write to queue \"orders\": not a JSON value: ", error);
        Assert.EndsWith(end, error);
        Assert.Empty(await StoredAsync("orders"));
    }

    [Fact]
    public async Task Produce_SaysThatItReads_WhenInputIsATerminal()
    {
        await NewQueueAsync("orders");
        Ended ended = (await OnTerminalAsync("$TPQ produce orders", "{\"typed\": true}\n\u0004")).With(0);
        Assert.Contains("Reading from standard input; Ctrl+D ends it.", ended.Output);
        Assert.Equal(["{\"typed\": true}"], await StoredAsync("orders"));
    }

    [Fact]
    public async Task Produce_SaysWhatItDoes_WhenDebugging()
    {
        await NewQueueAsync("orders");
        string error = (await RunAsync("\"my-secret-payload\"", ["produce", "orders", "--debug"])).With(0).Error;
        foreach (string words in new[]
        {
            "Read database config from environment", "Parsing TPQ_URL", "Database config found", $"database {Server.Database}",
            "Attempting to write item", "Item written, returning",
        })
        {
            Assert.Contains(words, error);
        }
        Assert.DoesNotContain("my-secret-payload", error);
        string password = Uri.UnescapeDataString(new Uri(Server.Url).UserInfo.Split(':')[1]);
        Assert.DoesNotContain(password, error);
    }

    [Fact]
    public async Task Produce_SaysWhatItDoes_WhenDebuggingWithLines()
    {
        await NewQueueAsync("orders");
        string error = (await RunAsync("1\n2\n", ["produce", "orders", "--lines", "--debug"])).With(0).Error;
        Assert.Contains("Attempting to write item", error);
        Assert.Contains("Item written, returning", error);
    }

    [Fact]
    public async Task Produce_PutsNothing_WhenInterruptedWhileItReads()
    {
        await NewQueueAsync("orders");
        using Running running = Start("produce", "orders", "--debug");
        await running.SaysAsync("Database config found");
        running.Signal("TERM");
        (await running.EndAsync()).With(130);
        Assert.Empty(await StoredAsync("orders"));
    }
}
