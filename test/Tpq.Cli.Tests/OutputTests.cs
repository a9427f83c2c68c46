using Tpq.Cli.Tests.Fixtures;

namespace Tpq.Cli.Tests;

/// <summary>A message is removed after it has been written, and not when it could not be.</summary>
public sealed class OutputTests(Server server) : CommandTest(server)
{
    /// <summary>More than a pipe holds.</summary>
    static readonly string Large = $"\"{new string('x', 1_000_000)}\"";

    [Theory]
    [InlineData("")]
    [InlineData("--count=2")]
    public async Task Consume_LeavesTheMessage_WhenTheDiskIsFull(string options)
    {
        await NewQueueAsync("orders", "1", "2");
        Ended ended = (await BashAsync($"$TPQ consume orders {options} >/dev/full")).With(4);
        Assert.Equal("Could not write to standard output: No space left on device.\n", ended.Error);
        Assert.Equal(["1", "2"], await StoredAsync("orders"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("--follow")]
    public async Task Consume_LeavesTheMessageAndExits141_WhenThePipeIsClosed(string options)
    {
        await NewQueueAsync("orders", "1", "2");
        // The reader closes the pipe and then lets the command begin.
        Ended ended = await BashAsync($"mkfifo go; (read < go; $TPQ consume orders {options}; echo $? >code) | (exec <&-; echo > go)");
        ended.With(0);
        Assert.Equal("141\n", await File.ReadAllTextAsync(FilePath("code"), Token));
        Assert.Equal("", ended.Error);
        Assert.Equal(["1", "2"], await StoredAsync("orders"));
    }

    [Fact]
    public async Task Consume_LeavesTheMessage_WhenThePipeClosesInTheMiddleOfIt()
    {
        await NewQueueAsync("orders", "1", Large);
        Ended ended = (await BashAsync("set -o pipefail; $TPQ consume orders --count=2 | head -c 1000 | wc -c")).With(141);
        Assert.Equal("1000\n", ended.Output);
        Assert.Equal([Large], await StoredAsync("orders"));
    }

    [Fact]
    public async Task Consume_LeavesTheMessage_WhenInterruptedWhileItWrites()
    {
        await NewQueueAsync("orders", Large, "2");
        using Running running = new(Command("consume", "orders", "--debug"), read: false);
        await running.SaysAsync("Item read, returning");
        running.Signal("TERM");
        (await running.EndAsync()).With(130);
        Assert.Equal([Large, "2"], await StoredAsync("orders"));
    }

    [Fact]
    public async Task Consume_LeavesTheMessage_WhenKilledWhileItWrites()
    {
        await NewQueueAsync("orders", Large);
        using Running running = new(Command("consume", "orders", "--debug"), read: false);
        await running.SaysAsync("Item read, returning");
        running.Signal("KILL");
        (await running.EndAsync()).With(137);
        await Eventually.TrueAsync(async () => await Client.Queue("orders").GetAsync(cancellationToken: Token) is { } delivery
            && await DisposedAsync(delivery), () => "the message is back");
    }

    [Fact]
    public async Task Consume_WritesAll_WhenTheMessageIsLarge()
    {
        await NewQueueAsync("orders", Large);
        Assert.Equal(Large + "\n", (await RunAsync("consume", "orders")).With(0).Output);
        Assert.Empty(await StoredAsync("orders"));
    }

    [Fact]
    public async Task Consume_KeepsWhatOthersWrite_WhenTheySharedAnOpenFile()
    {
        await NewQueueAsync("orders", "1", "2");
        (await BashAsync("(echo first; $TPQ consume orders; $TPQ consume orders; echo last) >out")).With(0);
        Assert.Equal("first\n1\n2\nlast\n", await File.ReadAllTextAsync(FilePath("out"), Token));
    }

    [Theory]
    [InlineData(">&-")]
    [InlineData("<&- >&-")]
    [InlineData("<&- >&- --count=2")]
    public async Task Consume_LeavesTheMessage_WhenStandardOutputIsClosed(string closed)
    {
        await NewQueueAsync("orders", "1", "2");
        Ended ended = (await BashAsync($"$TPQ consume orders {closed}")).With(4);
        Assert.Equal("Could not write to standard output: it is closed.\n", ended.Error);
        Assert.Equal(["1", "2"], await StoredAsync("orders"));
    }

    [Theory]
    [InlineData("2>/dev/full")]
    [InlineData("2>&-")]
    [InlineData("--debug 2>/dev/full")]
    public async Task Words_AreDropped_WhenStandardErrorCannotBeWritten(string options)
    {
        await NewQueueAsync("orders", "1");
        Assert.Equal("1\n", (await BashAsync($"$TPQ consume orders {options}")).With(0).Output);
        (await BashAsync($"$TPQ consume orders {options}")).With(1);
        (await BashAsync($"$TPQ drop orders --yes {options}")).With(0);
        (await BashAsync($"$TPQ count orders {options}")).With(3);
        (await BashAsync($"$TPQ nonsense {options}")).With(2);
        Assert.False(await Client.Queue("orders").ExistsAsync(Token));
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("consume --help")]
    [InlineData("--version")]
    public async Task Help_Exits4_WhenTheDiskIsFull(string words) => Assert.Equal(
        "Could not write to standard output: No space left on device.\n", (await BashAsync($"${{TPQ%% --schema*}} {words} >/dev/full")).With(4).Error);

    static async Task<bool> DisposedAsync(TpqDelivery delivery)
    {
        await delivery.DisposeAsync();
        return true;
    }
}
