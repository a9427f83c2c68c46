using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Npgsql;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Messages that are not ready yet. Where nobody looks by the clock, one that is not brought in time shows as a wait that does not end.</summary>
public sealed class LaterTests(Server server) : DatabaseTest(server)
{
    const string RefuseBad = """
        CREATE FUNCTION refuse_bad() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.data::text = '"bad"' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$;
        """;

    static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task ADelayedMessage_ComesWhenItIsDue_AndNotBefore()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync(new TpqPut("1") { Delay = TimeSpan.FromSeconds(1), Headers = new Dictionary<string, string> { ["a"] = "b" } }, Token);
        Assert.Equal(0, await queue.CountAsync(Token));
        Assert.Null(await queue.GetAsync(cancellationToken: Token));
        await using TpqClient client = NewClient(looksByClock: false);
        await using TpqDelivery delivery = (await client.Queue("orders").GetAsync(Timeout.InfiniteTimeSpan, Token).WaitAsync(Patience, Token))!;
        Assert.True(await ScalarAsync<bool>($"SELECT clock_timestamp() >= '{delivery.Message.EnqueuedAt:O}'::timestamptz + interval '1 s'"));
        Assert.Equal(("1", 0, "b"), (delivery.Message.Json, delivery.Message.Attempts, delivery.Message.Headers["a"]));
        await delivery.CommitAsync(Token);
        Assert.Equal(0, await LaterAsync());
    }

    [Fact]
    public async Task WhatIsDue_IsThere_ForAGetThatDoesNotWait()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync(new TpqPut("1") { DueAt = DateTimeOffset.Now.AddDays(-1) }, Token);
        await using TpqClient client = NewClient();
        await using (TpqDelivery? delivery = await client.Queue("orders").GetAsync(cancellationToken: Token))
            Assert.Equal("1", delivery?.Message.Json);
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await queue.PutAsync(new TpqPut("2") { DueAt = DateTimeOffset.UnixEpoch }, Token);
        await using TpqClient other = NewClient();
        Assert.Equal(["1", "2"], (await other.Queue("orders").In(transaction).GetManyAsync(1, cancellationToken: Token)).Concat(
            await other.Queue("orders").In(transaction).GetManyAsync(2, cancellationToken: Token)).Select(m => m.Json));
    }

    [Fact]
    public async Task WhatIsDue_IsThere_InAPoolOfOneConnection()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync(new TpqPut("1") { DueAt = DateTimeOffset.UnixEpoch }, Token);
        await using TpqClient client = NewClient("Maximum Pool Size=1");
        await using TpqDelivery? delivery = await client.Queue("orders").GetAsync(cancellationToken: Token);
        Assert.Equal("1", delivery?.Message.Json);
    }

    [Fact]
    public async Task WhatWasDelayed_ResumesItsPlaceInLine()
    {
        TpqQueue queue = await NewQueueAsync();
        long first = await queue.PutAsync(new TpqPut("1") { DueAt = DateTimeOffset.UtcNow.AddMinutes(-1) }, Token);
        await queue.PutAsync("2", Token);
        await queue.PutAsync(new TpqPut("3") { DueAt = DateTimeOffset.UtcNow.AddMinutes(-2) }, Token);
        await queue.PutAsync(new TpqPut("4") { DueAt = DateTimeOffset.UtcNow.AddDays(1000) }, Token);
        await Client.State("orders").Later.BringAsync(Token);
        await using TpqBatch batch = (await queue.GetManyAsync(10, cancellationToken: Token))!;
        Assert.Equal(["1", "2", "3"], batch.Select(m => m.Json));
        Assert.Equal(first, batch[0].Id);
        Assert.Equal(1, await LaterAsync());
    }

    [Theory]
    [InlineData(TpqNotify.Auto)]
    [InlineData(TpqNotify.Always)]
    public async Task WhoSleeps_IsToldOfAnEarlierTime(TpqNotify notify)
    {
        TpqQueue queue = await NewQueueAsync(notify: notify);
        await queue.PutAsync(new TpqPut("1") { Delay = TimeSpan.FromDays(1) }, Token);
        await using TpqClient client = NewClient(looksByClock: false);
        Task<TpqDelivery?> waiting = client.Queue("orders").GetAsync(Timeout.InfiniteTimeSpan, Token);
        await EventuallyAsync(() => Task.FromResult(client.State("orders").Sleepers is { AreServed: true, CountAsleep: 1 }), "it sleeps, and is served");
        await queue.PutAsync(new TpqPut("2") { Delay = TimeSpan.FromMilliseconds(300) }, Token);
        await using TpqDelivery delivery = (await waiting.WaitAsync(Patience, Token))!;
        Assert.Equal("2", delivery.Message.Json);
    }

    [Fact]
    public async Task WhoSleeps_AndIsToldOfNothing_AsksOften()
    {
        TpqQueue queue = await NewQueueAsync(notify: TpqNotify.Never);
        await using TpqClient client = NewClient(time: new ShortTimers());
        Task<TpqDelivery?> waiting = client.Queue("orders").GetAsync(Timeout.InfiniteTimeSpan, Token);
        await EventuallyAsync(() => Task.FromResult(client.State("orders") is { Later.IsSound: true, Sleepers: { AreServed: false, CountAsleep: 1 } } && client.DuePoll.Runs), "it sleeps, and asks");
        await queue.PutAsync(new TpqPut("1") { Delay = TimeSpan.FromMilliseconds(300) }, Token);
        await using TpqDelivery delivery = (await waiting.WaitAsync(Patience, Token))!;
        Assert.Equal("1", delivery.Message.Json);
        await delivery.CommitAsync(Token);
        await EventuallyAsync(() => Task.FromResult(!client.DuePoll.Runs), "nobody waits any more, and it asks no more");
    }

    [Fact]
    public async Task WhatCannotBeAskedAbout_IsLeftOutOfTheQuestionAboutTheOthers()
    {
        TpqQueue gone = await NewQueueAsync("gone", TpqNotify.Never);
        await NewQueueAsync(notify: TpqNotify.Never);
        // By the clock it would be found out at the next look, a second later, and sooner by who listens, for which this pool has no connection.
        await using TpqClient client = NewClient("Maximum Pool Size=1", time: new ShortTimers());
        QueueState orders = client.State("orders"), broken = client.State("gone");
        Task waiting = client.Queue("orders").GetAsync(Timeout.InfiniteTimeSpan, Token), inVain = client.Queue("gone").GetAsync(Timeout.InfiniteTimeSpan, Token);
        await EventuallyAsync(() => Task.FromResult(orders is { Later.IsSound: true, IsUntold: true } && broken is { Later.IsSound: true, IsUntold: true }), "both sleep, and are asked about");
        await gone.DropAsync(Token);
        await EventuallyAsync(() => Task.FromResult(!broken.Later.IsSound), "it is left out");
        Assert.True(orders.Later.IsSound);
        await client.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => inVain);
    }

    [Fact]
    public async Task WhoNeverSleeps_BringsWhatIsDue()
    {
        TpqQueue queue = await NewQueueAsync();
        await using TpqClient client = NewClient(looksByClock: false);
        await queue.PutAsync("0", Token);
        await queue.PutAsync(new TpqPut("1") { Delay = TimeSpan.FromMilliseconds(300) }, Token);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consuming = client.Queue("orders").ConsumeAsync(async (delivery, _) =>
        {
            if (delivery.Message.Json == "1")
                await stop.CancelAsync();
            else
                // In the same transaction: there is always one.
                await client.Queue("orders").In(delivery.Transaction).PutAsync("0", Token);
        }, cancellationToken: stop.Token);
        await consuming.WaitAsync(Patience, Token);
        Assert.True(stop.IsCancellationRequested && !Token.IsCancellationRequested);
    }

    [Fact]
    public async Task InACallersTransaction_ADelayedPut_IsPartOfIt()
    {
        TpqQueue queue = await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        foreach (bool commits in (bool[])[false, true])
        {
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
            await queue.In(transaction).PutAsync(new TpqPut($"{commits}".ToLowerInvariant()) { Delay = TimeSpan.FromMilliseconds(1) }, Token);
            Assert.Equal(0, await LaterAsync());
            if (commits)
                await transaction.CommitAsync(Token);
        }
        await using TpqDelivery delivery = (await queue.GetAsync(Patience, Token))!;
        Assert.Equal("true", delivery.Message.Json);
        Assert.Equal(0, await LaterAsync());
    }

    [Fact]
    public async Task ABulkPut_MayHoldBoth()
    {
        TpqQueue queue = await NewQueueAsync();
        IEnumerable<TpqPut> puts = Enumerable.Range(0, 2500).Select(i => new TpqPut($"{i}")
        {
            Delay = i % 3 == 0 ? TimeSpan.Zero : i % 3 == 1 ? TimeSpan.FromHours(1) : null,
            Headers = i > 2000 ? new Dictionary<string, string> { ["n"] = $"{i}" } : null,
        });
        Assert.Equal(2500, await queue.PutManyAsync(puts, Token));
        Assert.Equal(1667, await queue.CountAsync(Token));
        Assert.Equal(833, await LaterAsync());
        // All ids are different, and those that are not ready are in their order.
        Assert.Equal(2500, await ScalarAsync<long>($"SELECT count(DISTINCT id) FROM (SELECT id FROM \"{Schema}\".tpq_orders UNION ALL SELECT id FROM \"{Schema}\".tpq_orders_later) q"));
        Assert.Equal(0, await ScalarAsync<long>(
            $"""
            SELECT count(*) FROM (SELECT (data::text)::int AS n, lag((data::text)::int) OVER (ORDER BY id) AS before, headers->>'n' AS header
                                  FROM "{Schema}".tpq_orders_later) q WHERE n < before OR n > 2000 AND header IS DISTINCT FROM n::text
            """));
    }

    [Fact]
    public async Task Delete_CancelsWhatIsNotReady()
    {
        TpqQueue queue = await NewQueueAsync();
        long id = await queue.PutAsync(new TpqPut("1") { Delay = TimeSpan.FromDays(1) }, Token);
        Assert.True(await queue.DeleteAsync(id, Token));
        Assert.False(await queue.DeleteAsync(id, Token));
        Assert.Equal(0, await LaterAsync());
        // The row that says so is no message.
        await queue.PauseAsync(Token);
        Assert.False(await queue.DeleteAsync(Later.PauseId, Token));
        Assert.Equal(1, await LaterAsync());
    }

    [Fact]
    public async Task AnIdThatIsTaken_StopsNothing_AndNothingIsLost()
    {
        TpqQueue queue = await NewQueueAsync();
        for (int i = 1; i <= 3; i++)
            await queue.PutAsync(new TpqPut($"{i}") { DueAt = DateTimeOffset.UnixEpoch, Headers = i == 2 ? new Dictionary<string, string> { ["a"] = "b" } : null }, Token);
        // Headers that others wrote, with an old id of their own, and with half a character that no text can hold.
        await ExecuteAsync($"""
            INSERT INTO "{Schema}".tpq_orders_later (id, data, enqueued_at, attempts, headers, due_at) VALUES
            (4, '4', now(), 0, '{"{"} "tpq-id": "9", "c": "\ud800" {"}"} ', '2000-01-01'), (5, '5', now(), 0, ' {"{ }"}', '2000-01-01');
            INSERT INTO "{Schema}".tpq_orders (id, data) VALUES (1, '"other 1"'), (2, '"other 2"'), (4, '"other 4"'), (5, '"other 5"');
            SELECT setval('"{Schema}".tpq_orders_id_seq', 100);
            """);
        // In hand: to insert the same id would wait for this one's end.
        await using TpqClient holder = NewClient();
        await using TpqBatch held = (await holder.Queue("orders").GetManyAsync(4, cancellationToken: Token))!;
        Assert.Equal(["\"other 1\"", "\"other 2\"", "\"other 4\"", "\"other 5\""], held.Select(m => m.Json));
        await using TpqBatch batch = (await queue.GetManyAsync(10, Patience, Token))!;
        Assert.Equal(["3", "1", "2", "4", "5"], batch.Select(m => m.Json));
        Assert.Equal(["", "tpq-id=1", "a=b tpq-id=2", "c=\"\\ud800\" tpq-id=4", "tpq-id=5"], batch.Select(m => string.Join(' ', m.Headers.Select(h => $"{h.Key}={h.Value}").Order())));
    }

    /// <summary>A constraint refuses at once, a trigger's own exception with a code of its own, a deferred trigger at COMMIT.</summary>
    [Theory]
    [InlineData("ALTER TABLE tpq_orders ADD CONSTRAINT refuse CHECK (data::text <> '\"bad\"')", "ALTER TABLE tpq_orders DROP CONSTRAINT refuse")]
    [InlineData(RefuseBad + "CREATE TRIGGER refuse BEFORE INSERT ON tpq_orders FOR EACH ROW EXECUTE FUNCTION refuse_bad()", "DROP TRIGGER refuse ON tpq_orders")]
    [InlineData(RefuseBad + "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON tpq_orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_bad()", "DROP TRIGGER refuse ON tpq_orders")]
    public async Task WhatTheTableRefuses_IsPutOff_AndHoldsUpNothingBehindIt(string refuse, string allow)
    {
        TpqQueue queue = await NewQueueAsync();
        // More than one step has room for, and of one time, as a script may put them.
        TpqPut[] puts = [.. Enumerable.Range(0, 1500).Select(i => new TpqPut(i is 0 or 700 or 701 or 1499 ? "\"bad\"" : $"{i}") { DueAt = DateTimeOffset.UnixEpoch })];
        await queue.PutManyAsync(puts, Token);
        await using NpgsqlConnection connection = await OpenAsync();
        await ExecuteAsync(connection, refuse);
        var logs = new FakeLogCollector();
        using ILoggerFactory loggers = LoggerFactory.Create(b => b.SetMinimumLevel(LogLevel.Warning).AddProvider(new FakeLoggerProvider(logs)));
        await using TpqClient client = NewClient(loggers: loggers);
        Assert.Equal(1496, await client.State("orders").Later.BringAsync(Token));
        Assert.Equal((1496, 4), (await queue.CountAsync(Token), await LaterAsync()));
        Assert.Equal(1106, Assert.Single(logs.GetSnapshot()).Id.Id);
        // Allowed again, they come when it is their time.
        await ExecuteAsync(connection, allow);
        Assert.True(await ScalarAsync<bool>("SELECT min(due_at) > now() AND max(due_at) <= now() + interval '1 min' FROM tpq_orders_later"));
        await ExecuteAsync(connection, "UPDATE tpq_orders_later SET due_at = now()");
        await using TpqClient other = NewClient();
        Assert.Equal(4, await other.State("orders").Later.BringAsync(Token));
        Assert.Equal((1500, 0), (await queue.CountAsync(Token), await LaterAsync()));
    }

    [Fact]
    public async Task WhatCanNeitherBeMovedNorPutOff_IsNotTriedWithoutAPause()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync(new TpqPut("\"bad\"") { DueAt = DateTimeOffset.UnixEpoch }, Token);
        await using NpgsqlConnection connection = await OpenAsync();
        await ExecuteAsync(connection, """
            ALTER TABLE tpq_orders ADD CONSTRAINT refuse CHECK (data::text <> '"bad"');
            CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE TRIGGER swallow BEFORE UPDATE ON tpq_orders_later FOR EACH ROW EXECUTE FUNCTION swallow();
            """);
        await using TpqClient client = NewClient();
        Assert.Equal(0, await client.State("orders").Later.BringAsync(Token).WaitAsync(Patience, Token));
        Assert.Equal(1, await LaterAsync());
    }

    [Fact]
    public async Task OneClientMoves_AtATime()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync(new TpqPut("1") { DueAt = DateTimeOffset.UnixEpoch }, Token);
        await using NpgsqlConnection connection = await OpenAsync();
        await using (NpgsqlTransaction turn = await connection.BeginTransactionAsync(Token))
        {
            await ExecuteAsync(connection, $"SELECT pg_advisory_xact_lock({Later.TurnLocks}, 'tpq_orders_later'::regclass::oid::int)");
            Assert.Null(await queue.GetAsync(cancellationToken: Token));
        }
        await using TpqDelivery? delivery = await queue.GetAsync(Patience, Token);
        Assert.Equal("1", delivery?.Message.Json);
    }

    [Fact]
    public async Task WhoMayNotReadTheCompanion_ConsumesAllTheSame_AndSaysSoOnce()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        var logs = new FakeLogCollector();
        using ILoggerFactory loggers = LoggerFactory.Create(b => b.SetMinimumLevel(LogLevel.Warning).AddProvider(new FakeLoggerProvider(logs)));
        await using var role = await LimitedRole.CreateAsync(Server, Schema, "GRANT SELECT, DELETE, UPDATE (attempts) ON {0}.tpq_orders TO {1}");
        await using TpqClient client = NewClient(role.Settings, loggers);
        for (int i = 1; i <= 2; i++)
        {
            await using (TpqDelivery? delivery = await client.Queue("orders").GetAsync(Patience, Token))
                await delivery!.CommitAsync(Token);
            client.State("orders").Later.Ask();
            await client.State("orders").Later.BringAsync(Token);
        }
        Assert.Null(await client.Queue("orders").GetAsync(cancellationToken: Token));
        FakeLogRecord record = Assert.Single(logs.GetSnapshot());
        Assert.Equal(1105, record.Id.Id);
    }

    [Fact]
    public async Task AQueueOfThePythonTpq_TakesADelay_AfterItsUpgrade()
    {
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".tpq_orders (id bigserial PRIMARY KEY, data json NOT NULL)");
        TpqQueue queue = Client.Queue("orders");
        var put = new TpqPut("1") { Delay = TimeSpan.FromMilliseconds(1) };
        TpqException error = await Assert.ThrowsAsync<TpqException>(() => queue.PutAsync(put, Token));
        Assert.Contains("tpq upgrade orders", error.Message, StringComparison.Ordinal);
        await queue.PutAsync("0", Token);
        await using (TpqDelivery? delivery = await queue.GetAsync(Patience, Token))
            await delivery!.CommitAsync(Token);
        Assert.Null(await queue.GetAsync(cancellationToken: Token));
        Assert.False(await queue.DeleteAsync(7, Token));
        await queue.UpgradeAsync(Token);
        await queue.PutAsync(put, Token);
        await using TpqClient client = NewClient();
        await using TpqDelivery? later = await client.Queue("orders").GetAsync(Patience, Token);
        Assert.Equal("1", later?.Message.Json);
    }

    [Fact]
    public async Task AQueueThatIsNotThere_IsMissing_AndNotItsCompanion() =>
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("none").PutAsync(new TpqPut("1") { Delay = TimeSpan.FromHours(1) }, Token));

    [Fact]
    public async Task WhatContradictsItself_IsRefused()
    {
        TpqQueue queue = await NewQueueAsync();
        Assert.Throws<ArgumentOutOfRangeException>(() => new TpqPut("1") { Delay = TimeSpan.FromTicks(-1) });
        var both = new TpqPut("1") { Delay = TimeSpan.FromHours(1), DueAt = DateTimeOffset.UtcNow };
        await Assert.ThrowsAsync<ArgumentException>(() => queue.PutAsync(both, Token));
        await Assert.ThrowsAsync<ArgumentException>(() => queue.PutManyAsync([both], Token));
        Assert.Equal(0, await queue.CountAsync(Token) + await LaterAsync());
        // The longest there are.
        await queue.PutManyAsync([new TpqPut("1") { Delay = TimeSpan.MaxValue }, new TpqPut("2") { DueAt = DateTimeOffset.MaxValue }], Token);
        Assert.Null(await queue.GetAsync(cancellationToken: Token));
    }

    [Fact]
    public async Task WhatIsAskedForByTheClock_IsFoundByTheIndex()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"INSERT INTO \"{Schema}\".tpq_orders_later SELECT n, '0', now(), 0, NULL, now() + n * interval '1 h' FROM generate_series(-1000, 50000) n");
        await ExecuteAsync($"ANALYZE \"{Schema}\".tpq_orders_later");
        Sql sql = Client.State("orders").Sql;
        foreach (string text in (string[])[sql.NextDue, sql.PickDue])
        {
            string plan = await ScalarAsync<string>($"EXPLAIN (FORMAT JSON) {text.Replace("$1", "'-infinity'::timestamptz", StringComparison.Ordinal).Replace("$2", "1000", StringComparison.Ordinal)}");
            Assert.Contains("tpq_orders_later_due_at_idx", plan, StringComparison.Ordinal);
        }
        Assert.Equal(1001, await Client.State("orders").Later.BringAsync(Token));
        Assert.Equal(1001, await queue.CountAsync(Token));
    }

    async Task<long> LaterAsync() => await ScalarAsync<long>($"SELECT count(*) FROM \"{Schema}\".tpq_orders_later");
}
