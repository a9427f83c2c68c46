using Npgsql;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>The doorman: how there comes to be one, what he looks at first, and how another takes over.</summary>
public sealed partial class DoorbellTests
{
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
    public async Task OneWhoWasElected_AndForWhomNobodySleepsAnyMore_GivesItBack_AndRings()
    {
        TpqQueue queue = await NewQueueAsync();
        await using var ear = await Ear.OpenAsync(this, "orders");
        await using NpgsqlConnection keeping = await OpenAsync(), connection = await OpenAsync();
        await using NpgsqlTransaction keeper = await keeping.BeginTransactionAsync(Token);
        await ExecuteAsync(keeping, "SET CONSTRAINTS ALL IMMEDIATE");
        await queue.In(keeper).PutAsync("1", Token);
        // A client of one connection has no listener, which this test is instead.
        await using TpqClient client = NewClient("Maximum Pool Size=1");
        QueueState state = client.State("orders");
        var doorbell = new Doorbell(state, connection);
        using var sleeper = new Subscription(client.Listener, state, TimeProvider.System);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await doorbell.AttendAsync();
        await sleeper.WaitAsync(Patience, Token);
        sleeper.Looked(found: null);
        Task sleep = sleeper.WaitAsync(Timeout.InfiniteTimeSpan, enough.Token);
        await doorbell.AttendAsync();
        Assert.True(await IsElectedAsync(connection));
        Assert.Equal(0, await DoormanAsync("orders"));
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sleep);
        await doorbell.TickAsync(isSameTable: true, wonElection: null);
        Assert.False(await IsElectedAsync(connection));
        Assert.Equal([""], await ear.HeardAsync());
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

    Task<bool> IsElectedAsync(NpgsqlConnection connection) => ScalarAsync<bool>(
        $"SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = {Doorbell.ElectionLocks} AND pid = {connection.ProcessID})");

    /// <summary>The process that holds the bell lock; 0 for none.</summary>
    async Task<int> DoormanAsync(string queue) => await ScalarAsync<int?>(
        $"SELECT max(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = {Doorbell.BellLocks} AND objid = to_regclass('\"{Schema}\".tpq_{queue}') AND mode = 'ExclusiveLock' AND granted") ?? 0;
}
