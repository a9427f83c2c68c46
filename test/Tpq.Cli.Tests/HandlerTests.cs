using Tpq.Cli.Tests.Fixtures;

namespace Tpq.Cli.Tests;

public sealed class HandlerTests(Server server) : CommandTest(server)
{
    [Fact]
    public async Task Command_GetsTheMessageAndItsEnvironment_AndRemovesItByExiting0()
    {
        TpqQueue queue = await NewQueueAsync("orders");
        long id = await queue.PutAsync("{\"foo\":\n \"bar\"}", Token);
        Ended ended = (await RunAsync("consume", "orders", "--", "sh", "-c", "cat; echo $TPQ_QUEUE $TPQ_ID $TPQ_ATTEMPTS")).With(0);
        Assert.Equal($"{{\"foo\": \"bar\"}}\norders {id} 0\n", ended.Output);
        Assert.Equal("", ended.Error);
        Assert.Empty(await StoredAsync("orders"));
    }

    [Theory]
    [InlineData]
    [InlineData("--lines")]
    public async Task ATrace_GoesFromTheProducersEnvironment_ToTheCommands(params string[] options)
    {
        const string Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        await BashAsync($"echo 1 | TRACEPARENT={Trace} TRACESTATE=a=b $TPQ produce orders --create {string.Join(' ', options)}; echo 2 | TRACEPARENT=nonsense $TPQ produce orders");
        Ended ended = (await BashAsync("TRACEPARENT=mine $TPQ consume orders --count=2 --exec='echo $(cat) $TRACEPARENT $TRACESTATE'")).With(0);
        Assert.Equal($"1 {Trace} a=b\n2\n", ended.Output);
    }

    /// <summary>The system would refuse to start the command, each time.</summary>
    [Fact]
    public async Task AStateThatIsTooLong_IsNotPassedOn()
    {
        const string Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        await NewQueueAsync("orders");
        await Client.Queue("orders").PutAsync(new TpqPut("1") { Headers = new Dictionary<string, string> { ["traceparent"] = Trace, ["tracestate"] = $"a={new string('b', 200_000)}" } }, Token);
        Assert.Equal($"1 {Trace}\n", (await RunAsync("consume", "orders", "--exec=echo $(cat) $TRACEPARENT $TRACESTATE")).With(0).Output);
    }

    [Fact]
    public async Task ATrace_IsLeftOut_WhereTheQueueIsThePythonTpqs()
    {
        await ExecuteAsync($"CREATE TABLE {Schema}.tpq_orders (id bigserial PRIMARY KEY, data json NOT NULL)");
        (await BashAsync("echo 1 | TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 $TPQ produce orders")).With(0);
        Assert.Equal(["1"], await StoredAsync("orders"));
    }

    [Fact]
    public async Task Command_IsStartedWithoutAShell()
    {
        await NewQueueAsync("orders", "1");
        Assert.Equal("$HOME; a  b --wait=3 -- *", (await RunAsync("consume", "orders", "--", "printf", "%s", "$HOME; a  b --wait=3 -- *")).With(0).Output);
    }

    [Fact]
    public async Task Exec_IsALineForTheShell()
    {
        await NewQueueAsync("orders", "1");
        Assert.Equal("got 1 from orders\n", (await RunAsync("consume", "orders", "--exec=read n && echo \"got $n from $TPQ_QUEUE\"")).With(0).Output);
        Assert.Empty(await StoredAsync("orders"));
    }

    [Theory]
    [InlineData("--", "sh", "-c", "exit 3")]
    [InlineData("--exec=exit 3")]
    [InlineData("--count=2", "--exec=exit 3")]
    [InlineData("--exec=exit 130")]
    public async Task Consume_Exits4AndLeavesTheMessage_WhenTheCommandFails(params string[] command)
    {
        await NewQueueAsync("orders", "1", "2");
        Ended ended = (await RunAsync(["consume", "orders", .. command])).With(4);
        int code = command[^1].EndsWith("130", StringComparison.Ordinal) ? 130 : 3;
        Assert.Equal($"The command failed with exit code {code}; message 1 is back in queue \"orders\".\n", ended.Error);
        Assert.Equal(["1", "2"], await StoredAsync("orders"));
    }

    [Theory]
    [InlineData]
    [InlineData("--follow")]
    public async Task Consume_Exits4AndLeavesTheMessage_WhenTheCommandCannotBeStarted(params string[] options)
    {
        await NewQueueAsync("orders", "1");
        Ended ended = (await RunAsync(["consume", "orders", .. options, "--", "./no such program"])).With(4);
        Assert.Equal("Could not start \"./no such program\": No such file or directory.\n", ended.Error);
        Assert.Equal("Could not start \"/tmp\": it is a directory.\n", (await RunAsync(["consume", "orders", .. options, "--", "/tmp"])).With(4).Error);
        Assert.Equal(["1"], await StoredAsync("orders"));
    }

    [Fact]
    public async Task Command_MayLeaveItsInputUnread()
    {
        await NewQueueAsync("orders", $"\"{new string('x', 1_000_000)}\"", "2");
        (await RunAsync("consume", "orders", "--", "true")).With(0);
        // Its child keeps the pipe open, and does not read either.
        (await RunAsync("consume", "orders", "--exec=(sleep 8 >&- 2>&-) & true")).With(0);
        Assert.Empty(await StoredAsync("orders"));
    }

    [Fact]
    public async Task Command_GetsAllOfIt_WhenTheMessageIsLarge()
    {
        await NewQueueAsync("orders", $"\"{new string('x', 1_000_000)}\"");
        Assert.Equal("1000003", (await RunAsync("consume", "orders", "--", "wc", "-c")).With(0).Output.Trim());
    }

    [Fact]
    public async Task Command_IsLetFinish_WhenInterruptedWhileItRuns()
    {
        await NewQueueAsync("orders", "1", "2");
        using Running running = Start("consume", "orders", "--follow", "--", "sh", "-c", "echo begun; sleep 3; echo finished");
        await running.SaysAsync("begun");
        running.Signal("TERM");
        Ended ended = (await running.EndAsync()).With(130);
        Assert.Equal("begun\nfinished\n", ended.Output);
        Assert.Equal(["2"], await StoredAsync("orders"));
    }

    [Fact]
    public async Task SecondSignal_EndsItAtOnceAndLeavesTheMessage_WhenTheCommandRuns()
    {
        await NewQueueAsync("orders", "1");
        using Running running = Start("consume", "orders", "--", "sh", "-c", "echo begun; exec sleep 60 >&- 2>&-");
        await running.SaysAsync("begun");
        await Eventually.TrueAsync(() =>
        {
            running.Signal("TERM");
            return Task.FromResult(running.HasExited);
        }, () => "an end");
        (await running.EndAsync()).With(143);
        await Eventually.TrueAsync(async () => (await Client.Queue("orders").PeekAsync(1, Token))[0].Taken is false, () => "the message is back");
    }
}
