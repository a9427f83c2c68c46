using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Npgsql;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>The bell alone: the consumers in these tests do not look by the clock, so a wake-up that is lost shows as a wait that does not end.</summary>
public sealed partial class DoorbellTests(Server server) : DatabaseTest(server)
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

    [Theory]
    [InlineData(TpqNotify.Auto, 3)]
    [InlineData(TpqNotify.Never, 0)]
    public async Task APut_NotifiesWhoSleeps_UnlessTheQueueNeverDoes(TpqNotify notify, int notifications)
    {
        TpqQueue queue = await NewQueueAsync(notify: notify);
        await using TpqClient sleeper = NewClient(looksByClock: false);
        using var awake = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consuming = sleeper.Queue("orders").ConsumeAsync((_, _) => Task.CompletedTask, cancellationToken: awake.Token);
        // At a queue that never rings nobody serves those who sleep: they look by themselves.
        await (notify == TpqNotify.Never
            ? EventuallyAsync(() => Task.FromResult(sleeper.State("orders").Sleepers.CountAsleep == 1), "it sleeps")
            : SleepsAsync(sleeper, "orders", 1));
        await using var ear = await Ear.OpenAsync(this, "orders");
        await queue.PutAsync("1", Token);
        await queue.PutManyAsync(["2", "3"], Token);
        Assert.Equal(((string[])["1", "2", "3+"])[..notifications], await ear.HeardAsync());
        await awake.CancelAsync();
        await consuming;
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
