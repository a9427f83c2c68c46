using Npgsql;
using Tpq.Internal.Overview;
using Tpq.Internal.Telemetry;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class OverviewTests(Server server) : DatabaseTest(server)
{
    OverviewReader Reader => field ??= new OverviewReader(Client);

    static Tally Exactly(long count) => new(count, IsEstimate: false);

    [Fact]
    public async Task Read_TellsOfEachQueue_WhatIsInItsTables()
    {
        TpqQueue orders = await NewQueueAsync(), idle = await NewQueueAsync("idle"), dead = await NewQueueAsync("orders_dead");
        await orders.PutManyAsync(["1", "2", "3", "4"], Token);
        await orders.PutAsync(new TpqPut("5") { Delay = TimeSpan.FromHours(1) }, Token);
        await dead.PutAsync("6", Token);
        await idle.PauseAsync(Token);
        await using TpqLeaseBatch leases = (await orders.LeaseAsync(1, TimeSpan.FromMinutes(1), cancellationToken: Token))!;
        await using TpqDelivery held = (await orders.GetAsync(cancellationToken: Token))!;

        DatabaseOverview overview = await Reader.ReadAsync(Token);
        Assert.Equal(["idle", "orders", "orders_dead"], overview.Queues.Select(q => q.Name));
        QueueOverview queue = overview.Find("orders")!;
        Assert.Equal((Exactly(3), Exactly(1), 1), (queue.Ready, queue.InHand, queue.Holders));
        Assert.Equal((Exactly(1), Exactly(1)), (queue.Delayed!.Value, queue.Leased!.Value));
        Assert.Equal(Exactly(1), overview.DeadOf("orders"));
        Assert.Equal((await orders.PeekAsync(cancellationToken: Token))[0].Message.EnqueuedAt, queue.Oldest);
        Assert.False(queue.IsPaused);
        QueueOverview other = overview.Find("idle")!;
        Assert.Equal((Exactly(0), Exactly(0), Exactly(0), 0), (other.Ready, other.InHand, other.Delayed!.Value, other.Holders));
        Assert.True(other.IsPaused);
        Assert.Null(other.Oldest);
        Assert.Null(overview.DeadOf("idle"));
    }

    [Fact]
    public async Task WhatIsDueAfterTheLastDate_IsShownToo()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync([new TpqPut("1") { Delay = TimeSpan.MaxValue }, new TpqPut("2") { DueAt = DateTimeOffset.MaxValue }], Token);
        var reader = new MessageReader(Client, (await Reader.ReadAsync(Token)).Find("orders")!.Statistics, characters: 10);
        List<ListedMessage> later = await reader.NotReadyAsync(10, Token);
        Assert.Equal(["2", "1"], later.Select(m => m.Data));
        Assert.NotNull(await reader.FindAsync(later[1].Id, Token));
    }

    [Fact]
    public async Task Read_LooksInEachRound_WhereThereAreFewQueues()
    {
        TpqQueue queue = await NewQueueAsync();
        for (int i = 1; i <= 3; i++)
        {
            await queue.PutAsync("1", Token);
            Assert.Equal(Exactly(i), (await Reader.ReadAsync(Token)).Find("orders")!.Ready);
        }
        await queue.DropAsync(Token);
        Assert.Empty((await Reader.ReadAsync(Token)).Queues);
    }

    [Fact]
    public async Task ADeepQueue_IsCountedToTheLimit_AndEstimatedBeyond()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"SET tpq.quiet = 'on'; INSERT INTO \"{Schema}\".tpq_orders (data) SELECT '0' FROM generate_series(1, 1000)");
        Assert.Equal(Exactly(1000), (await Reader.ReadAsync(Token)).Find("orders")!.Ready);
        await WithoutAutovacuumAsync();
        await ExecuteAsync($"SET tpq.quiet = 'on'; INSERT INTO \"{Schema}\".tpq_orders (data) SELECT '0' FROM generate_series(1, 49000)");
        await EventuallyAsync(async () => (await Reader.ReadAsync(Token)).Find("orders")!.Ready == new Tally(50_000, IsEstimate: true), "the statistics have it");
        Assert.True(await queue.DeleteAsync((await queue.PeekAsync(cancellationToken: Token))[0].Message.Id, Token));
    }

    /// <summary>Rows that VACUUM cannot remove are not walked: the look begins behind them.</summary>
    [Fact]
    public async Task BehindManyDeadRows_ALookIsNoLonger_AndFindsWhatIsThere()
    {
        TpqQueue queue = await NewQueueAsync();
        await WithoutAutovacuumAsync();
        await ExecuteAsync($"SET tpq.quiet = 'on'; INSERT INTO \"{Schema}\".tpq_orders (data) SELECT '0' FROM generate_series(1, 300000)");
        await using NpgsqlConnection other = await OpenAsync();
        await using NpgsqlTransaction transaction = await other.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, Token);
        await ScalarAsync<long>(other, "SELECT count(*) FROM tpq_orders WHERE id < 0");
        await ExecuteAsync($"DELETE FROM \"{Schema}\".tpq_orders");
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await EventuallyAsync(async () => (await Reader.ReadAsync(Token)).Find("orders")!.Statistics.After is not null, "the statistics know of the dead rows");
        QueueOverview overview = (await Reader.ReadAsync(Token)).Find("orders")!;
        Assert.Equal(new Tally(3, IsEstimate: true), overview.Ready);
        Assert.NotNull(overview.Oldest);

        QueueStatistics statistics = overview.Statistics;
        // From the front it would be all pages of the table and of its index, some thousands.
        Assert.InRange(await PagesAsync(OverviewSql.Look(statistics).Replace("$1", $"{statistics.After}").Replace("$2", "'-infinity'")), 1, 1_000);
        Assert.InRange(await PagesAsync(QueueGauge.Statement([(statistics.Name, statistics)])), 1, 1_000);
    }

    /// <summary>An ANALYZE between an INSERT and the report of its backend has the statistics count the rows twice, until the next one.</summary>
    Task WithoutAutovacuumAsync() => ExecuteAsync($"ALTER TABLE \"{Schema}\".tpq_orders SET (autovacuum_enabled = off)");

    async Task<long> PagesAsync(string statement)
    {
        // A scan of the whole table may be what costs least, and does not show where the look begins.
        string plan = await ScalarAsync<string>($"SET enable_seqscan = off; EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}");
        return System.Text.RegularExpressions.Regex.Matches(plan, "\"Shared (Hit|Read) Blocks\": ([0-9]+)")
            .Max(m => long.Parse(m.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task AQueueOfThePythonTpq_HasNoCompanion_AndNoOldest()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        await ExecuteAsync($"INSERT INTO \"{Schema}\".tpq_orders (data) VALUES ('1')");
        QueueOverview overview = (await Reader.ReadAsync(Token)).Find(queue.Name)!;
        Assert.Equal(Exactly(1), overview.Ready);
        Assert.Null(overview.Delayed);
        Assert.Null(overview.Leased);
        Assert.Null(overview.Oldest);
    }

    [Fact]
    public async Task ARole_SeesWhatItMayRead()
    {
        await NewQueueAsync();
        TpqQueue seen = await NewQueueAsync("seen");
        await seen.PutAsync("1", Token);
        await using LimitedRole role = await LimitedRole.CreateAsync(Server, Schema, "GRANT SELECT ON {0}.tpq_seen TO {1}");
        await using TpqClient client = NewClient(role.Settings);
        QueueOverview overview = Assert.Single((await new OverviewReader(client).ReadAsync(Token)).Queues);
        Assert.Equal(("seen", Exactly(1)), (overview.Name, overview.Ready));
        Assert.Null(overview.Delayed);
        Assert.Empty((await HeldReader.ReadAsync(client, overview.Statistics, Token)).Holders);
    }

    /// <summary>One queue that cannot be looked into costs the others nothing.</summary>
    [Fact]
    public async Task AQueueThatIsLocked_IsEstimated_AndTheOthersAreCounted()
    {
        TpqQueue queue = await NewQueueAsync(), other = await NewQueueAsync("other");
        await queue.PutAsync("1", Token);
        await other.PutAsync("1", Token);
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await ExecuteAsync(connection, "LOCK TABLE tpq_orders IN ACCESS EXCLUSIVE MODE");
        DatabaseOverview overview = await Reader.ReadAsync(Token);
        Assert.True(overview.Find("orders")!.Ready.IsEstimate);
        Assert.Equal(Exactly(1), overview.Find("other")!.Ready);
    }

    [Fact]
    public async Task OfManyQueues_TheChangedOnesAreLookedAtFirst()
    {
        await ExecuteAsync(string.Join('\n', Enumerable.Range(0, OverviewReader.MostLooks + 20).Select(i =>
            $"CREATE TABLE \"{Schema}\".\"tpq_q{i:000}\" (id bigserial PRIMARY KEY, data json NOT NULL);")));
        Assert.Equal(OverviewReader.MostLooks, (await Reader.ReadAsync(Token)).Queues.Count(q => !q.Ready.IsEstimate));
        Assert.All((await Reader.ReadAsync(Token)).Queues, q => Assert.Equal(Exactly(0), q.Ready));
        // Where nothing happens, it asks for the statistics, and looks into ten, all in one batch.
        var log = new StatementLog();
        await using NpgsqlDataSource source = log.Create(Server.KeywordsOf(Server.Url));
        await using var client = new TpqClient(source, new TpqClientOptions { Schema = Schema });
        var reader = new OverviewReader(client);
        await EventuallyAsync(async () =>
        {
            log.Take();
            await reader.ReadAsync(Token);
            return log.Take().Count == 2;
        }, "a look that is short");
        await Client.Queue("q000").PutAsync("1", Token);
        await EventuallyAsync(async () => (await Reader.ReadAsync(Token)).Find("q000")!.Ready == Exactly(1), "a look into what has changed");
    }

    /// <summary>Whoever may put with a delay may write any time into the companion, which moves it into the queue.</summary>
    [Theory]
    [InlineData("-infinity")]
    [InlineData("4000-01-01 BC")]
    [InlineData("10000-01-01")]
    [InlineData("infinity")]
    public async Task ATimeThatDotNetDoesNotKnow_HidesNoQueue(string time)
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"INSERT INTO \"{Schema}\".tpq_orders (id, data, enqueued_at) VALUES (1, '1', '{time}')");
        await ExecuteAsync($"INSERT INTO \"{Schema}\".tpq_orders_later (id, data, enqueued_at, attempts, due_at, lease) VALUES (2, '2', '{time}', 0, 'infinity', gen_random_uuid())");
        QueueOverview overview = (await Reader.ReadAsync(Token)).Find("orders")!;
        Assert.Equal((Exactly(1), Exactly(1)), (overview.Ready, overview.Leased!.Value));
        Assert.NotNull(overview.Oldest);
        Assert.NotNull(Assert.Single(await Client.ListAsync(Token)).Oldest);
        var reader = new MessageReader(Client, overview.Statistics, 10);
        Assert.Equal("1", Assert.Single(await reader.ReadyAsync(null, 9, Token)).Data);
        Assert.Equal("2", Assert.Single(await reader.NotReadyAsync(9, Token)).Data);
        Assert.NotNull((await HeldReader.ReadAsync(Client, overview.Statistics, Token)).Messages.Single().EnqueuedAt);
        Assert.True(await queue.DeleteAsync(1, Token));
    }

    [Fact]
    public async Task Held_TellsByWhom_AndSinceWhen()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await using TpqClient consumer = NewClient("Application Name=shipping");
        await using TpqLeaseBatch leases = (await consumer.Queue("orders").LeaseAsync(1, TimeSpan.FromMinutes(1), cancellationToken: Token))!;
        await using TpqDelivery held = (await consumer.Queue("orders").GetAsync(cancellationToken: Token))!;
        QueueOverview overview = (await Reader.ReadAsync(Token)).Find("orders")!;
        var (holders, messages) = await HeldReader.ReadAsync(Client, overview.Statistics, Token);
        Holder holder = Assert.Single(holders);
        Assert.Equal(("shipping", "idle in transaction", false), (holder.Application, holder.State, holder.IsAsleep));
        Assert.Equal("127.0.0.1", holder.Host);
        Assert.NotNull(holder.Since);
        Assert.Equal([(held.Message.Id, holder.Process), (leases[0].Message.Id, null)], messages.Select(m => (m.Id, m.Process)));
        Assert.Null(messages[0].LeasedUntil);
        Assert.NotNull(messages[1].LeasedUntil);
    }

    [Fact]
    public async Task WhoSleeps_IsSeen()
    {
        TpqQueue queue = await NewQueueAsync();
        await using TpqClient consumer = NewClient("Application Name=sleeper");
        Task<TpqDelivery?> waiting = consumer.Queue("orders").GetAsync(Timeout.InfiniteTimeSpan, Token);
        await EventuallyAsync(async () => (await Reader.ReadAsync(Token)).Find("orders")!.IsAwaited, "a doorman");
        var (holders, _) = await HeldReader.ReadAsync(Client, (await Reader.ReadAsync(Token)).Find("orders")!.Statistics, Token);
        Assert.Contains(holders, h => h.IsAsleep && h.Since is null);
        await queue.PutAsync("1", Token);
        await (await waiting)!.CommitAsync(Token);
    }
}
