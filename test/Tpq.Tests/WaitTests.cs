using System.Diagnostics;
using Npgsql;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class WaitTests(Server server) : DatabaseTest(server)
{
    static readonly TimeSpan AMinute = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(TpqNotify.Auto)]
    [InlineData(TpqNotify.Always)]
    [InlineData(TpqNotify.Never)]
    public async Task Get_IsWoken_ByAPut(TpqNotify notify)
    {
        TpqQueue queue = await NewQueueAsync(notify: notify);
        foreach (TimeSpan wait in (TimeSpan[])[AMinute, Timeout.InfiniteTimeSpan])
        {
            Task<TpqDelivery?> get = queue.GetAsync(wait, Token);
            await using TpqClient putter = NewClient();
            await putter.Queue("orders").PutAsync("1", Token);
            await using TpqDelivery? delivery = await get.WaitAsync(AMinute, Token);
            Assert.Equal("1", delivery!.Message.Json);
            await delivery.CommitAsync(Token);
        }
    }

    [Fact]
    public async Task GetMany_IsWoken_ByABulkPut()
    {
        TpqQueue queue = await NewQueueAsync();
        Task<TpqBatch?> get = queue.GetManyAsync(3, AMinute, Token);
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await using TpqBatch? batch = await get;
        Assert.Equal(["1", "2", "3"], batch!.Select(m => m.Json));
    }

    [Fact]
    public async Task Get_ReturnsNull_NotBeforeTheTimeIsUp()
    {
        TpqQueue queue = await NewQueueAsync();
        long start = Stopwatch.GetTimestamp();
        Assert.Null(await queue.GetAsync(TimeSpan.FromMilliseconds(300), Token));
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(295));
    }

    [Fact]
    public async Task Get_FindsAMessageThatComesBack_ThoughARollbackRingsNoBell()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        TpqDelivery other = (await queue.GetAsync(cancellationToken: Token))!;
        Task<TpqDelivery?> get = queue.GetAsync(AMinute, Token);
        await EventuallyAsync(IsListeningAsync, "the waiter listens");
        await other.DisposeAsync();
        await using TpqDelivery? delivery = await get;
        Assert.Equal("1", delivery!.Message.Json);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(-10_000_000)]
    public async Task Get_RefusesANegativeWait_AndSaysWhatTheCommandsNumbersAreHere(long ticks)
    {
        TpqQueue queue = Client.Queue("orders");
        var error = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => queue.GetAsync(TimeSpan.FromTicks(ticks), Token));
        Assert.Contains("TimeSpan.Zero", error.Message, StringComparison.Ordinal);
        Assert.Contains("InfiniteTimeSpan", error.Message, StringComparison.Ordinal);
        Assert.Contains("--wait=-1", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => queue.GetManyAsync(1, TimeSpan.FromTicks(ticks), Token));
    }

    [Fact]
    public async Task Cancellation_ReturnsPromptly_AndLeavesNothingBehind()
    {
        await using TpqClient client = NewClient($"Application Name={Schema}");
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        using var cancel = new CancellationTokenSource();
        Task<TpqDelivery?> get = queue.GetAsync(Timeout.InfiniteTimeSpan, cancel.Token);
        await EventuallyAsync(IsListeningAsync, "the waiter listens");
        await cancel.CancelAsync();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => get);
        Assert.Equal(cancel.Token, error.CancellationToken);
        // The last thing that its connections were told is to stop listening, or a look that is over; none is in a transaction.
        await EventuallyAsync(async () => !await IsListeningAsync(), "nobody listens any more");
        await EventuallyAsync(() => ScalarAsync<bool>(
            $"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '{Schema}' AND state <> 'idle')"), "all connections are idle");
        // And all of them are back in the pool: as many as were open can be had at once. (A question about what is due may have one for a moment.)
        await EventuallyAsync(async () =>
        {
            long open = await OpenAsync();
            var taken = new List<NpgsqlConnection>();
            for (int i = 0; i < open; i++)
                taken.Add(await client.DataSource.OpenConnectionAsync(Token));
            long then = await OpenAsync();
            foreach (NpgsqlConnection connection in taken)
                await connection.DisposeAsync();
            return then == open;
        }, "all connections are back in the pool");

        Task<long> OpenAsync() => ScalarAsync<long>($"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{Schema}'");
    }

    [Fact]
    public async Task Dispose_WakesWaiters_WithObjectDisposedException()
    {
        TpqClient client = NewClient();
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        Task<TpqDelivery?> get = queue.GetAsync(Timeout.InfiniteTimeSpan, Token);
        Task consume = queue.ConsumeAsync((_, _) => Task.CompletedTask, null, Token);
        await EventuallyAsync(IsListeningAsync, "a waiter listens");
        await client.DisposeAsync();
        await client.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => get);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => consume);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => queue.PutAsync("1", Token));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => queue.GetAsync(cancellationToken: Token));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => queue.CountAsync(Token));
    }

    [Fact]
    public async Task Dispose_LeavesADataSourceThatItWasGiven()
    {
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create(Server.KeywordsOf(Server.Url));
        await using (var client = new TpqClient(dataSource, new TpqClientOptions { Schema = Schema }))
            await client.Queue("orders").CreateAsync(cancellationToken: Token);
        await using NpgsqlConnection connection = await dataSource.OpenConnectionAsync(Token);
        Assert.Equal(1, await ScalarAsync<int>(connection, "SELECT 1"));
    }

    [Fact]
    public async Task ManyWaiters_OnManyQueues_ListenOnOneConnection()
    {
        await using TpqClient client = NewClient($"Application Name={Schema}");
        var gets = new List<Task<TpqDelivery?>>();
        for (int i = 0; i < 10; i++)
        {
            TpqQueue queue = client.Queue($"q{i}");
            await queue.CreateAsync(cancellationToken: Token);
            gets.AddRange(Enumerable.Range(0, 5).Select(_ => queue.GetAsync(AMinute, Token)));
        }
        await EventuallyAsync(async () => await ScalarAsync<long>(
            $"SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE application_name = '{Schema}' AND classid = {Doorbell.BellLocks}") == 1,
            "one connection listens, and no other");
        for (int i = 0; i < 10; i++)
            await client.Queue($"q{i}").PutManyAsync(Enumerable.Repeat("1", 5), Token);
        foreach (TpqDelivery? delivery in await Task.WhenAll(gets))
            await delivery!.DisposeAsync();
    }

    [Fact]
    public async Task Get_IsWoken_WhenTheQueueWasMadeUnderAnotherNameOfItsSchema()
    {
        // Made with the schema as a setting, so its trigger rings "schema.queue"; waited for through the search path.
        TpqQueue made = await NewQueueAsync();
        await using var other = new TpqClient($"{Server.KeywordsOf(Server.Url)};Search Path=\"{Schema}\"", new TpqClientOptions { LooksByClock = false });
        TpqQueue queue = other.Queue("orders");
        Task<TpqDelivery?> get = queue.GetAsync(AMinute, Token);
        await EventuallyAsync(IsListeningAsync, "the waiter listens");
        await made.PutAsync("1", Token);
        await (await get)!.DisposeAsync();
    }

    /// <summary>Whether some connection is the doorman of the queue.</summary>
    Task<bool> IsListeningAsync() => ScalarAsync<bool>(
        $"SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = {Doorbell.BellLocks} AND objid = '\"{Schema}\".tpq_orders'::regclass AND granted)");

    [Fact]
    public async Task Get_Waits_WithAPoolOfOneConnection()
    {
        TpqQueue queue = await NewQueueAsync();
        await using TpqClient client = NewClient("Maximum Pool Size=1;Timeout=5");
        Task<TpqDelivery?> get = client.Queue("orders").GetAsync(AMinute, Token);
        await queue.PutAsync("1", Token);
        await using TpqDelivery? delivery = await get;
        Assert.Equal("1", delivery!.Message.Json);
    }

    [Fact]
    public async Task TheListener_WorksWithoutStandardConformingStrings()
    {
        TpqQueue queue = await NewQueueAsync();
        await using TpqClient client = NewClient("Options=-c standard_conforming_strings=off");
        Task<TpqDelivery?> get = client.Queue("orders").GetAsync(AMinute, Token);
        await EventuallyAsync(IsListeningAsync, "the waiter listens");
        await queue.PutAsync("1", Token);
        await (await get)!.DisposeAsync();
    }
}
