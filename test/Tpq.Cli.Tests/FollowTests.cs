using System.Text.RegularExpressions;
using Tpq.Cli.Tests.Fixtures;

namespace Tpq.Cli.Tests;

/// <summary>A command that is given all messages: <c>consume --follow</c>.</summary>
public sealed class FollowTests(Server server) : CommandTest(server)
{
    [Fact]
    public async Task AMessageWhoseCommandFails_IsTriedAgainLater_WhileOthersGoOn()
    {
        await NewQueueAsync("orders", "1", "2");
        using Running running = Start("consume", "orders", "--follow", "--backoff=100ms", "--exec=test -e failed && { cat; echo $TPQ_ATTEMPTS; } || { touch failed; exit 9; }");
        await running.SaysAsync("2\n0\n1\n1\n");
        running.Signal("TERM");
        Ended ended = (await running.EndAsync()).With(130);
        Assert.Matches("^The command failed with exit code 9; message 1 of queue \"orders\" is tried again in 0(\\.1)? s \\(attempt 1 of 5\\)\\.\n$", ended.Error);
        Assert.Equal("2\n0\n1\n1\n", ended.Output);
        Assert.Empty(await StoredAsync("orders"));
    }

    [Theory]
    [InlineData]
    [InlineData("--lease=30s")]
    public async Task AMessageWhoseCommandFailsEachTime_GoesToTheDeadLetterQueue_AndComesBackByAMove(params string[] options)
    {
        await NewQueueAsync("orders", "1");
        Ended ended = (await RunAsync(["consume", "orders", "--follow", "--wait=10", "--max-attempts=2", "--backoff=10ms", .. options, "--exec=echo $TPQ_ATTEMPTS; exit 9"])).With(1);
        Assert.Equal("0\n1\n", ended.Output);
        Assert.Equal(3, ended.Error.Count(c => c == '\n'));
        Assert.Contains("\nThe command failed with exit code 9; message 1 of queue \"orders\" failed 2 times and is now in queue \"orders_dead\".\nQueue empty\n", ended.Error);
        string dead = (await RunAsync("peek", "orders_dead", "--json")).With(0).Output;
        Assert.Contains("Tpq.Cli.CommandFailedException: The command failed with exit code 9", dead);
        (await RunAsync("move", "orders_dead", "orders")).With(0);
        Assert.Equal("1 0\n", (await RunAsync("consume", "orders", "--exec=echo $(cat) $TPQ_ATTEMPTS")).With(0).Output);
    }

    [Fact]
    public async Task AFirstPause_OfMoreThanAQuarterOfAnHour_IsKept()
    {
        await NewQueueAsync("orders", "1");
        Ended ended = (await RunAsync("consume", "orders", "--follow", "--wait=none", "--backoff=2h", "--exec=exit 9")).With(1);
        Assert.Matches("is tried again in (1h|2h)", ended.Error);
    }

    [Theory]
    [InlineData]
    [InlineData("--lease=30s")]
    public async Task SeveralCommandsRunAtOnce(params string[] options)
    {
        await NewQueueAsync("orders", "1", "2", "3");
        // Each waits for all three to have begun.
        Ended ended = (await RunAsync(["consume", "orders", "--follow", "--wait=2", "--concurrency=3", .. options,
            "--exec=touch $TPQ_ID; while [ ! -e 1 -o ! -e 2 -o ! -e 3 ]; do sleep 0.05; done; cat"])).With(0);
        Assert.Equal(["1", "2", "3"], ended.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
        Assert.Empty(await StoredAsync("orders"));
    }

    [Fact]
    public async Task WithoutAWait_ItEndsAsSoonAsItHasFoundNothing_AndNotBefore()
    {
        await NewQueueAsync("orders", "1", "2");
        Assert.Equal("1\n2\n", (await RunAsync("consume", "orders", "--follow", "--wait=none", "--exec=echo $(cat)")).With(0).Output);
        Assert.Equal("Queue empty\n", (await RunAsync("consume", "orders", "--follow", "--wait=none", "--exec=cat")).With(1).Error);
    }

    [Fact]
    public async Task AMessageThatKillsItsConsumer_EachTime_DiesAtTheLimit()
    {
        await NewQueueAsync("orders", "1");
        string[] line = ["consume", "orders", "--follow", "--wait=2", "--max-attempts=2", "--exec=echo $TPQ_ATTEMPTS; kill -9 $PPID"];
        var seen = new List<string>();
        for (int i = 0; i < 3; i++)
        {
            Ended ended = (await RunAsync(line)).With(137);
            seen.Add(ended.Output);
            await Eventually.TrueAsync(async () => (await Client.Queue("orders").PeekAsync(1, Token))[0].Taken is false, () => "the message is back");
        }
        Assert.Equal(["0\n", "0\n", "1\n"], seen);
        Assert.Contains("message 1 of queue \"orders\" failed 2 times and is now in queue \"orders_dead\"", (await RunAsync(line)).With(1).Error);
        Assert.Empty(await StoredAsync("orders"));
        Assert.Equal(["1"], await StoredAsync("orders_dead"));
    }

    [Fact]
    public async Task AQueueOfThePythonTpqs_IsFollowedWithAPause_AndSaysHowToBeRidOfIt()
    {
        await ExecuteAsync($"CREATE TABLE {Schema}.tpq_orders (id bigserial PRIMARY KEY, data json NOT NULL); INSERT INTO {Schema}.tpq_orders (data) VALUES ('1'), ('2')");
        Ended ended = (await RunAsync("consume", "orders", "--follow", "--wait=4", "--backoff=10ms", "--exec=test -e failed && cat || { touch failed; exit 9; }")).With(0);
        Assert.Equal("1\n2\n", ended.Output);
        Assert.Matches(new Regex("^The command failed with exit code 9; message 1 of queue \"orders\" is back, because it cannot be kept for later .*tpq upgrade orders.*; going on in 0 s\\.$", RegexOptions.Multiline), ended.Error.Replace("Tpq.Cli.CommandFailedException: ", ""));
    }

    [Theory]
    [InlineData("--concurrency is for a command", "consume", "orders", "--concurrency=2", "--", "cat")]
    [InlineData("--max-attempts is for a command", "consume", "orders", "--follow", "--max-attempts=2")]
    [InlineData("--lease=10ms is no time", "consume", "orders", "--follow", "--lease=10ms", "--", "cat")]
    [InlineData("--lease takes from one queue", "consume", "a", "b", "--follow", "--lease=10s", "--", "cat")]
    [InlineData("--concurrency: \"0\" is not", "consume", "orders", "--follow", "--concurrency=0", "--", "cat")]
    [InlineData("--backoff=soon is no time", "consume", "orders", "--follow", "--backoff=soon", "--", "cat")]
    public async Task WhatMakesNoSense_IsRefused(string says, params string[] line)
    {
        Ended ended = (await RunAsync(line)).With(2);
        Assert.Contains(says, ended.Error);
    }

    [Fact]
    public async Task APausedQueue_IsLeftAlone_AndFollowedWhenItIsResumed()
    {
        await NewQueueAsync("orders", "1");
        Assert.Equal("Paused queue \"orders\" in database \"postgres\": its consumers take nothing more until it is resumed.\n", (await RunAsync("pause", "orders")).With(0).Error);
        (await RunAsync("pause", "orders")).With(0);
        (await RunAsync("consume", "orders", "--follow", "--wait=1", "--", "cat")).With(1);
        Assert.Equal(["1"], await StoredAsync("orders"));
        (await RunAsync("resume", "orders")).With(0);
        Assert.Equal("1", (await RunAsync("consume", "orders", "--follow", "--wait=1", "--", "cat")).With(0).Output.Trim());
    }

    [Fact]
    public async Task TheMoreUrgentQueue_ComesFirst()
    {
        await NewQueueAsync("urgent", "1");
        await NewQueueAsync("orders", "2", "3");
        using Running running = Start("consume", "urgent", "orders", "--follow", "--exec=echo $TPQ_QUEUE $(cat); while [ ! -e go ]; do sleep 0.05; done");
        await running.SaysAsync("urgent 1\n");
        await Client.Queue("urgent").PutAsync("4", Token);
        await File.WriteAllTextAsync(FilePath("go"), "", Token);
        await running.SaysAsync("urgent 1\nurgent 4\norders 2\norders 3\n");
        await Client.Queue("urgent").PutAsync("5", Token);
        await running.SaysAsync("orders 3\nurgent 5\n");
        running.Signal("TERM");
        (await running.EndAsync()).With(130);
    }
}
