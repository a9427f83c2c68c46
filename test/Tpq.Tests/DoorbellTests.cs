using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Npgsql;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>The bell alone: the consumers in these tests do not look by the clock, so a wake-up that is lost shows as a wait that does not end.</summary>
public sealed class DoorbellTests(Server server) : DatabaseTest(server)
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(TpqNotify.Auto)]
    [InlineData(TpqNotify.Always)]
    public async Task APut_WakesASleeper(TpqNotify notify)
    {
        TpqQueue queue = await NewQueueAsync(notify: notify);
        await using TpqClient client = NewClient(looksByClock: false);
        await NewQueueAsync("other", notify);
        Task<string> other = WaitAsync(client.Queue("other"));
        foreach (string json in (string[])["1", "2", "3"])
        {
            Task<string> woken = WaitAsync(client.Queue("orders"));
            await SleepsAsync(client, "orders", 1);
            await queue.PutAsync(json, Token);
            Assert.Equal(json, await woken);
        }
        Assert.False(other.IsCompleted);
        await Client.Queue("other").PutAsync("4", Token);
        Assert.Equal("4", await other);
    }

    [Fact]
    public async Task ABulkPut_WakesAsManyAsItHasMessages()
    {
        TpqQueue queue = await NewQueueAsync();
        await using TpqClient one = NewClient(looksByClock: false), two = NewClient(looksByClock: false);
        Task<string>[] waiting = [.. Enumerable.Range(0, 8).Select(i => WaitAsync((i % 2 == 0 ? one : two).Queue("orders")))];
        await SleepsAsync(one, "orders", 4);
        await SleepsAsync(two, "orders", 4);
        string[] messages = [.. Enumerable.Range(0, 8).Select(i => $"{i}")];
        await queue.PutManyAsync(messages, Token);
        Assert.Equal(messages, (await Task.WhenAll(waiting)).Order());
    }

    [Theory]
    [InlineData(TpqNotify.Auto, 0)]
    [InlineData(TpqNotify.Always, 5)]
    [InlineData(TpqNotify.Never, 0)]
    public async Task APut_NotifiesNobody_WhileNobodySleeps(TpqNotify notify, int notifications)
    {
        TpqQueue queue = await NewQueueAsync(notify: notify);
        await using var ear = await Ear.OpenAsync(this, "orders");
        await queue.PutAsync("1", Token);
        await queue.PutManyAsync(["2", "3", "4"], Token);
        await using (NpgsqlConnection connection = await OpenAsync())
        {
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
            await queue.In(transaction).PutAsync("5", Token);
            await queue.In(transaction).PutAsync("6", Token);
            await transaction.CommitAsync(Token);
        }
        Assert.Equal(((string[])["1", "2", "3+", "5", "6+"])[..notifications], await ear.HeardAsync());
    }

    [Fact]
    public async Task ATransaction_NamesItsLowestId_AndSaysWhetherThereAreMore()
    {
        TpqQueue queue = await NewQueueAsync();
        await using TpqClient client = NewClient(looksByClock: false);
        Task<string> woken = WaitAsync(client.Queue("orders"));
        await SleepsAsync(client, "orders", 1);
        await using var ear = await Ear.OpenAsync(this, "orders");
        await using (NpgsqlConnection connection = await OpenAsync())
        {
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
            await queue.In(transaction).PutAsync("1", Token);
            await queue.In(transaction).PutManyAsync([new TpqPut("2"), new TpqPut("3")], Token);
            await queue.In(transaction).PutAsync("4", Token);
            await transaction.CommitAsync(Token);
        }
        Assert.Equal("1", await woken);
        Assert.Equal(["1", "2+"], await ear.HeardAsync());
    }

    [Fact]
    public async Task APut_MakesOneLook_HoweverManySleep()
    {
        var logs = new FakeLogCollector();
        using ILoggerFactory loggers = LoggerFactory.Create(b => b.SetMinimumLevel(LogLevel.Debug).AddProvider(new FakeLoggerProvider(logs)));
        TpqQueue queue = await NewQueueAsync();
        await using TpqClient client = NewClient(looksByClock: false, loggers: loggers, time: new StoppedTime());
        using var stop = new CancellationTokenSource();
        int handled = 0;
        Task[] consuming = [.. Enumerable.Range(0, 5).Select(_ => client.Queue("orders").ConsumeAsync((_, _) =>
        {
            Interlocked.Increment(ref handled);
            return Task.CompletedTask;
        }, cancellationToken: stop.Token))];
        await SleepsAsync(client, "orders", 5);
        int before = Looks();
        for (int n = 1; n <= 20; n++)
        {
            await queue.PutAsync("1", Token);
            await EventuallyAsync(() => Task.FromResult(Volatile.Read(ref handled) == n), $"message {n} is handled");
            await SleepsAsync(client, "orders", 5);
        }
        Assert.Equal(20, Looks() - before);
        await stop.CancelAsync();
        await Task.WhenAll(consuming);

        int Looks() => logs.GetSnapshot().Count(r => r.Id.Id == 1102);
    }

    [Fact]
    public async Task ABulkPutInACallersTransaction_DoesNotSilenceItsLaterPuts()
    {
        TpqQueue queue = await NewQueueAsync(), other = await NewQueueAsync("other");
        await using TpqClient client = NewClient(looksByClock: false);
        Task<string> woken = WaitAsync(client.Queue("other"));
        await SleepsAsync(client, "other", 1);
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await queue.In(transaction).PutManyAsync([new TpqPut("1"), new TpqPut("2")], Token);
        await other.In(transaction).PutAsync("3", Token);
        await transaction.CommitAsync(Token);
        Assert.Equal("3", await woken);
    }

    [Fact]
    public async Task ALateCommitBelowThePosition_WakesASleeper_WhoFindsIt()
    {
        TpqQueue queue = await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction late = await connection.BeginTransactionAsync(Token);
        await queue.In(late).PutAsync("\"late\"", Token);
        await queue.PutAsync("\"early\"", Token);
        // No sweep is due while the clock stands still: it is found because the bell named it.
        await using TpqClient client = NewClient(looksByClock: false, time: new StoppedTime());
        Assert.Equal("\"early\"", await WaitAsync(client.Queue("orders")));
        Task<string> woken = WaitAsync(client.Queue("orders"));
        await SleepsAsync(client, "orders", 1);
        await late.CommitAsync(Token);
        Assert.Equal("\"late\"", await woken);
    }

    [Fact]
    public async Task ADoormansFirstLook_IsFromTheFront()
    {
        TpqQueue queue = await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction late = await connection.BeginTransactionAsync(Token);
        await queue.In(late).PutAsync("\"late\"", Token);
        await queue.PutAsync("\"early\"", Token);
        // No sweep is due while the clock stands still: nobody else finds what lies below the position.
        await using TpqClient client = NewClient(looksByClock: false, time: new StoppedTime());
        Assert.Equal("\"early\"", await WaitAsync(client.Queue("orders")));
        // Nobody sleeps, so it rings for nobody.
        await late.CommitAsync(Token);
        Assert.Equal("\"late\"", await WaitAsync(client.Queue("orders")));
    }

    [Fact]
    public async Task OfTwoClients_OneIsTheDoorman_AndWhenItDiesTheOtherIs()
    {
        TpqQueue queue = await NewQueueAsync();
        await using TpqClient one = NewClient(looksByClock: false), two = NewClient(looksByClock: false);
        Task<string>[] waiting = [WaitAsync(one.Queue("orders")), WaitAsync(two.Queue("orders"))];
        await SleepsAsync(one, "orders", 1);
        await SleepsAsync(two, "orders", 1);
        int doorman = await DoormanAsync("orders");
        await ExecuteAsync($"SELECT pg_terminate_backend({doorman}, 10000)");
        await EventuallyAsync(async () => await DoormanAsync("orders") is var next && next != 0 && next != doorman, "another doorman");
        await queue.PutAsync("1", Token);
        await queue.PutAsync("2", Token);
        Assert.Equal(["1", "2"], (await Task.WhenAll(waiting)).Order());
    }

    [Fact]
    public async Task ADoormanThatDiedForGood_IsReplaced()
    {
        TpqQueue queue = await NewQueueAsync();
        // What pauses before it connects again pauses for ever.
        await using TpqClient dying = NewClient(looksByClock: false, time: new NoTimers()), other = NewClient(looksByClock: false);
        Task<TpqDelivery?> lost = dying.Queue("orders").GetAsync(Timeout.InfiniteTimeSpan, Token);
        await SleepsAsync(dying, "orders", 1);
        int doorman = await DoormanAsync("orders");
        Task<string> waiting = WaitAsync(other.Queue("orders"));
        await SleepsAsync(other, "orders", 1);
        await ExecuteAsync($"SELECT pg_terminate_backend({doorman}, 10000)");
        await EventuallyAsync(async () => await DoormanAsync("orders") is var next && next != 0 && next != doorman, "the other is the doorman");
        await queue.PutAsync("1", Token);
        Assert.Equal("1", await waiting);
        await dying.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => lost);
    }

    [Fact]
    public async Task ADoormanWhoseFirstLookFindsSomething_TellsTheOthersOnce()
    {
        await NewQueueAsync();
        await using var ear = await Ear.OpenAsync(this, "orders");
        // A client of one connection has no listener, which this test is instead.
        await using TpqClient client = NewClient("Maximum Pool Size=1");
        QueueState state = client.State("orders");
        await using NpgsqlConnection connection = await OpenAsync();
        var doorbell = new Doorbell(state, connection);
        using var sleeper = new Subscription(client.Listener, state, TimeProvider.System);
        await doorbell.AttendAsync();
        await sleeper.WaitAsync(Patience, Token);
        sleeper.Looked(found: null);
        Task ring = sleeper.WaitAsync(Timeout.InfiniteTimeSpan, Token).WaitAsync(Patience, Token);
        await doorbell.AttendAsync();
        Assert.Equal(connection.ProcessID, await DoormanAsync("orders"));
        await ring;
        for (int look = 0; look < 3; look++)
        {
            sleeper.Looked(found: 1);
            await doorbell.AttendAsync();
        }
        Assert.Equal([""], await ear.HeardAsync());
        await doorbell.LeaveAsync();
    }

    [Fact]
    public async Task ADoormanThatIsBusy_HandsOver()
    {
        TpqQueue queue = await NewQueueAsync();
        // No tick comes while the clock stands still: it does not leave because nobody sleeps, but because it is busy.
        await using TpqClient busy = NewClient(looksByClock: false, time: new StoppedTime()), idle = NewClient(looksByClock: false);
        int handled = 0;
        var goOn = new TaskCompletionSource();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consuming = busy.Queue("orders").ConsumeAsync((_, _) => ++handled < 100 ? Task.CompletedTask : goOn.Task, cancellationToken: stop.Token);
        await SleepsAsync(busy, "orders", 1);
        int doorman = await DoormanAsync("orders");
        Assert.NotEqual(0, doorman);
        Task<string> woken = WaitAsync(idle.Queue("orders"));
        await SleepsAsync(idle, "orders", 1);
        await queue.PutManyAsync(Enumerable.Range(0, 500).Select(i => $"{i}"), Token);
        await EventuallyAsync(async () => await DoormanAsync("orders") is var next && next != doorman, "the busy doorman has left");
        await woken;
        goOn.SetResult();
        await stop.CancelAsync();
        await consuming;
    }

    [Fact]
    public async Task AProducerThatKeepsItsSharedLock_DeafensNobody()
    {
        TpqQueue queue = await NewQueueAsync(), other = await NewQueueAsync("other");
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction keeper = await connection.BeginTransactionAsync(Token);
        await ExecuteAsync(connection, "SET CONSTRAINTS ALL IMMEDIATE");
        await queue.In(keeper).PutAsync("1", Token);
        await using TpqClient client = NewClient(looksByClock: false);
        Task<string> waiting = WaitAsync(client.Queue("orders")), woken = WaitAsync(client.Queue("other"));
        await EventuallyAsync(() => ScalarAsync<bool>(
            $"SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = {Doorbell.ElectionLocks} AND objid = '\"{Schema}\".tpq_orders'::regclass AND granted)"),
            "it has been elected");
        await SleepsAsync(client, "other", 1);
        await other.PutAsync("2", Token);
        Assert.Equal("2", await woken);
        Assert.False(waiting.IsCompleted);
        await keeper.CommitAsync(Token);
        Assert.Equal("1", await waiting);
    }

    [Fact]
    public async Task ProducersThatRelieveEachOther_KeepNoDoormanOut()
    {
        TpqQueue queue = await NewQueueAsync();
        NpgsqlConnection[] producers = [await OpenAsync(), await OpenAsync()];
        await using NpgsqlConnection one = producers[0], other = producers[1];
        // As a put does at its COMMIT, and for as long as that takes.
        string share = $"BEGIN; SELECT pg_try_advisory_xact_lock_shared({Doorbell.BellLocks}, 'tpq_orders'::regclass::oid::int)";
        await ExecuteAsync(producers[0], share);
        await using TpqClient client = NewClient(looksByClock: false);
        Task<string> waiting = WaitAsync(client.Queue("orders"));
        int turn = 0;
        await EventuallyAsync(async () =>
        {
            // There is no moment at which nobody shares the lock, but for whom its try has refused.
            await ExecuteAsync(producers[(turn + 1) % 2], share);
            await ExecuteAsync(producers[turn % 2], "COMMIT");
            turn++;
            return await DoormanAsync("orders") != 0;
        }, "there is a doorman");
        await ExecuteAsync(producers[turn % 2], "COMMIT");
        await queue.PutAsync("1", Token);
        Assert.Equal("1", await waiting);
    }

    [Fact]
    public async Task ARing_UponWhichItsSleeperDidNotLook_IsPassedOn()
    {
        TpqQueue queue = await NewQueueAsync();
        await using TpqClient client = NewClient("Maximum Pool Size=2", looksByClock: false);
        using var leave = new CancellationTokenSource();
        Task<TpqDelivery?> leaving = client.Queue("orders").GetAsync(Timeout.InfiniteTimeSpan, leave.Token);
        await SleepsAsync(client, "orders", 1);
        Task<string> staying = WaitAsync(client.Queue("orders"));
        await SleepsAsync(client, "orders", 2);
        // The other one is the listener's: who is woken waits for a connection to look with.
        await using (await client.DataSource.OpenConnectionAsync(Token))
        {
            await queue.PutAsync("1", Token);
            await EventuallyAsync(() => Task.FromResult(client.State("orders").Sleepers.CountAsleep == 1), "one is woken");
            Assert.False(leaving.IsCompleted);
            await leave.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        }
        Assert.Equal("1", await staying);
    }

    [Fact]
    public async Task AHundredQueues_TakeOneConnection()
    {
        await using TpqClient client = NewClient($"Application Name={Schema}", looksByClock: false);
        for (int i = 0; i < 100; i++)
            await NewQueueAsync($"queue {i}");
        Task<string>[] waiting = [.. Enumerable.Range(0, 100).Select(i => WaitAsync(client.Queue($"queue {i}")))];
        await EventuallyAsync(() => ScalarAsync<bool>(
            $"SELECT count(*) = 100 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE classid = {Doorbell.BellLocks} AND application_name = '{Schema}'"),
            "it is the doorman of all");
        Assert.Equal(1, await ScalarAsync<long>($"SELECT count(DISTINCT pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE classid = {Doorbell.BellLocks} AND application_name = '{Schema}'"));
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => Client.Queue($"queue {i}").PutAsync($"{i}", Token)));
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"{i}"), await Task.WhenAll(waiting));
    }

    [Fact]
    public async Task AQueueThatIsDroppedAndMadeAgain_StillWakes()
    {
        TpqQueue queue = await NewQueueAsync();
        await using TpqClient client = NewClient(looksByClock: false);
        Task<string> waiting = WaitAsync(client.Queue("orders"));
        await SleepsAsync(client, "orders", 1);
        await ExecuteAsync($"BEGIN; DROP TABLE \"{Schema}\".tpq_orders; DROP TABLE \"{Schema}\".tpq_orders_later; {Client.Queue("orders").CreateScript()} COMMIT");
        await queue.PutAsync("1", Token);
        Assert.Equal("1", await waiting);
    }

    [Fact]
    public async Task AReconnect_WakesEverybody()
    {
        TpqQueue queue = await NewQueueAsync();
        await using TpqClient client = NewClient(looksByClock: false);
        Task<string> waiting = WaitAsync(client.Queue("orders"));
        await SleepsAsync(client, "orders", 1);
        int doorman = await DoormanAsync("orders");
        await ExecuteAsync($"SELECT pg_terminate_backend({doorman}, 10000)");
        // Perhaps before it listens again, and perhaps after.
        await queue.PutAsync("1", Token);
        Assert.Equal("1", await waiting);
    }

    [Fact]
    public async Task WhatIsPutBeforeItListensAgain_IsFoundWhenItDoes()
    {
        // No doorman, who would look: only the reconnect tells of it.
        TpqQueue queue = await NewQueueAsync(notify: TpqNotify.Always);
        var time = new HeldTimers();
        await using TpqClient client = NewClient($"Application Name={Schema}", looksByClock: false, time: time);
        Task<string> waiting = WaitAsync(client.Queue("orders"));
        await SleepsAsync(client, "orders", 1);
        await ExecuteAsync($"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = '{Schema}' AND query ~ '^LISTEN|to_regclass\\(q'");
        Sleepers sleepers = client.State("orders").Sleepers;
        await EventuallyAsync(() => Task.FromResult(time.AnyHeld && !sleepers.AreServed && sleepers.CountAsleep == 1), "it pauses before it connects again");
        await queue.PutAsync("1", Token);
        Assert.False(waiting.IsCompleted);
        time.Release();
        Assert.Equal("1", await waiting);
        // And it does listen.
        waiting = WaitAsync(client.Queue("orders"));
        await SleepsAsync(client, "orders", 1);
        await queue.PutAsync("2", Token);
        Assert.Equal("2", await waiting);
    }

    [Fact]
    public async Task WhenNobodyWaits_NothingIsLeftBehind()
    {
        await NewQueueAsync();
        await using TpqClient client = NewClient($"Application Name={Schema}");
        Assert.Null(await client.Queue("orders").GetAsync(TimeSpan.FromMilliseconds(200), Token));
        await EventuallyAsync(() => ScalarAsync<bool>(
            $"""
            SELECT bool_and(state = 'idle') AND NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = ANY (array_agg(a.pid)))
                   AND bool_or(query LIKE '%UNLISTEN *%') FROM pg_stat_activity a WHERE application_name = '{Schema}'
            """), "it has left");
        Assert.Equal(0, await DoormanAsync("orders"));
    }

    static async Task<string> WaitAsync(TpqQueue queue)
    {
        await using TpqDelivery delivery = (await queue.GetAsync(Timeout.InfiniteTimeSpan, Token).WaitAsync(Patience, Token))!;
        await delivery.CommitAsync(Token);
        return delivery.Message.Json;
    }

    /// <summary>Waits until so many of the client sleep, in a queue whose doorman is there.</summary>
    static async Task SleepsAsync(TpqClient client, string queue, int count)
    {
        Sleepers sleepers = client.State(queue).Sleepers;
        await EventuallyAsync(() => Task.FromResult(sleepers.AreServed && sleepers.CountAsleep == count), $"{count} sleep, and are served");
    }

    /// <summary>The process that holds the bell lock; 0 for none.</summary>
    async Task<int> DoormanAsync(string queue) => await ScalarAsync<int?>(
        $"SELECT max(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = {Doorbell.BellLocks} AND objid = to_regclass('\"{Schema}\".tpq_{queue}') AND mode = 'ExclusiveLock' AND granted") ?? 0;

    /// <summary>Somebody else who listens.</summary>
    sealed class Ear(DoorbellTests test, NpgsqlConnection connection, string channel) : IAsyncDisposable
    {
        readonly List<string> _heard = [];

        public static async Task<Ear> OpenAsync(DoorbellTests test, string queue)
        {
            NpgsqlConnection connection = await test.OpenAsync();
            var ear = new Ear(test, connection, $"{test.Schema}.{queue}");
            connection.Notification += (_, e) => ear._heard.Add(e.Payload);
            await ExecuteAsync(connection, $"LISTEN \"{test.Schema}.{queue}\"");
            return ear;
        }

        /// <summary>All that came before this moment: notifications come in the order of the commits.</summary>
        public async Task<string[]> HeardAsync()
        {
            await test.ExecuteAsync($"NOTIFY \"{channel}\", 'end'");
            while (!_heard.Contains("end"))
                await connection.WaitAsync(Patience, Token);
            return [.. _heard.TakeWhile(p => p != "end")];
        }

        public ValueTask DisposeAsync() => connection.DisposeAsync();
    }
}
