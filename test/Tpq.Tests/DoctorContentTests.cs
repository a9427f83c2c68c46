using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>What is to be seen in a queue.</summary>
public sealed class DoctorContentTests(DoctorServer server) : DoctorTest(server)
{
    [Fact]
    public async Task MessagesThatNobodyConsumes_AreFound()
    {
        TpqQueue queue = await NewQueueAsync("-it's odd", "1", "2");
        await HealthyAsync();
        await AgeAsync("-it's odd");
        Finding finding = await FoundAsync("no-consumer", Severity.Warning);
        Assert.Contains("has waited for 1h 0m", finding.Evidence);
        Assert.Equal(@"tpq consume --follow -- '-it'\''s odd' -- ./handle", finding.Remedy);
        await using TpqDelivery held = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.Empty(await ExamineAsync());
        await held.DisposeAsync();
        await using (TpqLeaseBatch leased = (await queue.LeaseAsync(1, TimeSpan.FromMinutes(5), cancellationToken: Token))!)
            Assert.Empty(await ExamineAsync());
        await FoundAsync("no-consumer", Severity.Warning);
    }

    [Theory]
    [InlineData("-infinity", true)]
    [InlineData("4000-01-01 BC", true)]
    [InlineData("290000-01-01", false)]
    [InlineData("infinity", false)]
    public async Task ATimeThatDotNetDoesNotKnow_IsLongAgoOrNotYet(string time, bool isLongAgo)
    {
        await NewQueueAsync();
        await ExecuteAsync($"INSERT INTO tpq_orders (data, enqueued_at) VALUES ('1', '{time}')");
        if (isLongAgo)
            await FoundAsync("no-consumer", Severity.Warning);
        else
            Assert.Empty(await ExamineAsync());
    }

    [Fact]
    public async Task AQueueAtWhichSomebodySleeps_IsConsumed()
    {
        TpqQueue queue = await NewQueueAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<TpqDelivery?> sleeper = queue.GetAsync(Timeout.InfiniteTimeSpan, stop.Token);
        Limits = Limits with { Unconsumed = TimeSpan.Zero };
        while (!Client.State("orders").Sleepers.AreServed)
            await Task.Yield();
        // Somebody else's table lock keeps the message from the sleeper, and is none of a taker's.
        await ExecuteAsync("SELECT set_config('tpq.quiet', 'on', false)", "INSERT INTO tpq_orders (data) VALUES ('1')");
        Assert.Empty(await ExamineAsync());
        await stop.CancelAsync();
        await sleeper.ContinueWith(_ => { }, Token, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    [Fact]
    public async Task MessagesThatAreDue_AreFound()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync(new TpqPut("1") { Delay = TimeSpan.FromHours(1) }, Token);
        await HealthyAsync();
        await ExecuteAsync("UPDATE tpq_orders_later SET due_at = due_at - interval '2 hours'");
        Finding finding = await FoundAsync("overdue", Severity.Warning);
        Assert.Contains("was due 1h 0m ago", finding.Evidence);
        Assert.Equal("tpq consume --follow orders -- ./handle", finding.Remedy);
        await using (TpqDelivery delivery = (await queue.GetAsync(TimeSpan.FromMinutes(1), Token))!)
            await delivery.CommitAsync(Token);
        await HealthyAsync();
    }

    [Fact]
    public async Task APausedQueue_IsFound()
    {
        TpqQueue queue = await NewQueueAsync("orders", "1");
        await queue.PauseAsync(Token);
        Assert.Equal("tpq resume orders", (await FoundAsync("paused", Severity.Info)).Remedy);
        await AgeAsync("orders");
        Assert.Contains("the first message has waited for 1h 0m", (await FoundAsync("paused", Severity.Warning)).Evidence);
        await queue.ResumeAsync(Token);
        await FoundAsync("no-consumer", Severity.Warning);
    }

    [Theory]
    [InlineData("UPDATE tpq_orders SET attempts = 7 WHERE data::text = '2'")]
    [InlineData("INSERT INTO tpq_orders_later (id, data, enqueued_at, attempts, due_at) SELECT -1, '1', now(), 7, now() + interval '1 day'")]
    public async Task MessagesThatGoRound_AreFound(string statement)
    {
        await NewQueueAsync("orders", "1", "2");
        await ExecuteAsync(statement);
        Finding finding = await FoundAsync("attempts", Severity.Warning);
        Assert.Contains("has failed 7 times", finding.Evidence);
        Assert.Equal("tpq create orders_dead", finding.Remedy);
    }

    [Fact]
    public async Task DeadLetters_AreFound_ByTheKindOfTheirErrors_WithoutTheirWords()
    {
        TpqQueue queue = await NewQueueAsync("orders", "1", "2", "3", "\"secret\"");
        string[] errors = ["System.TimeoutException: secret", "System.TimeoutException: a \"secret\"", "secret", "secret words: more"];
        foreach (string error in errors)
        {
            await using TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!;
            await delivery.DeadLetterAsync(error, Token);
        }
        // What no text can hold, and what is no object at all.
        await ExecuteAsync("""INSERT INTO tpq_orders_dead (data, headers) VALUES ('5', '{"a": "\u0000", "tpq-error": "My.Error+Inner`1: secret"}'), ('6', NULL)""");
        await AgeAsync("orders_dead");
        Finding finding = await FoundAsync("dead-letters", Severity.Warning);
        Assert.Equal("orders_dead", finding.Queue);
        Assert.Matches(@"^6; the last ones by error: (System\.TimeoutException \(2\), other \(3\)|other \(3\), System\.TimeoutException \(2\)), My\.Error\+Inner`1 \(1\)\.$", finding.Evidence);
        Assert.DoesNotContain("secret", finding.ToString());
        Assert.Equal("tpq peek --json orders_dead; tpq move orders_dead orders", finding.Remedy);
        await Client.Queue("orders_dead").MoveToAsync(queue, null, Token);
        await ExecuteAsync("UPDATE tpq_orders SET enqueued_at = now()");
        await HealthyAsync();
    }

    [Fact]
    public async Task ManyQueues_AreLookedInto_AHundredAtATime()
    {
        int queues = (QueueContents.MostQueues * 2) + 1;
        await ExecuteAsync($"DO $$ BEGIN FOR n IN 1..{queues} LOOP EXECUTE format('CREATE TABLE tpq_q%s (id bigserial PRIMARY KEY, data json NOT NULL, enqueued_at timestamptz NOT NULL DEFAULT now())', n); END LOOP; END $$");
        string[] sick = [.. new[] { 1, 100, 101, 200, 201 }.Select(n => $"q{n}")];
        foreach (string queue in sick)
            await ExecuteAsync($"INSERT INTO tpq_{queue} (data) VALUES ('1')", $"UPDATE tpq_{queue} SET enqueued_at = now() - interval '1 hour'");
        Finding[] found = await ExamineAsync();
        Assert.Equal(sick, found.Where(f => f.Check == "no-consumer").Select(f => f.Queue!));
        Assert.Equal(queues, found.Count(f => f.Check == "upgrade"));
    }

    Task AgeAsync(string queue) => ExecuteAsync($"UPDATE \"tpq_{queue}\" SET enqueued_at = now() - interval '1 hour'");
}
