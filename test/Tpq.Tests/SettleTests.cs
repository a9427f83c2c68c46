using System.Text;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>What a delivery does with a message that was not handled: retry and dead letter.</summary>
public sealed class SettleTests(Server server) : DatabaseTest(server)
{
    [Fact]
    public async Task Retry_UndoesTheHandlersWrites_AndDeliversTheMessageAgain_AtItsPlace()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".ledger (seen text)");
        long id = await queue.PutAsync(new TpqPut("{\"a\": \"ü\"}") { Headers = new Dictionary<string, string> { ["trace"] = "1" } }, Token);
        await queue.PutAsync("2", Token);
        DateTimeOffset? putAt;
        await using (TpqDelivery delivery = await TakeAsync(queue))
        {
            putAt = delivery.Message.EnqueuedAt;
            await ExecuteAsync(delivery.Connection, $"INSERT INTO \"{Schema}\".ledger VALUES ('1')");
            await delivery.RetryAsync(TimeSpan.Zero, "no luck", Token);
        }
        Assert.Equal(0, await ScalarAsync<long>("SELECT count(*) FROM ledger"));
        Assert.Equal(1, await Client.State("orders").Later.BringAsync(Token));
        await using TpqDelivery again = await TakeAsync(queue);
        Assert.Equal((id, "{\"a\": \"ü\"}", 1, putAt), (again.Message.Id, again.Message.Json, again.Message.Attempts, again.Message.EnqueuedAt));
        Assert.Equal(new Dictionary<string, string> { ["trace"] = "1", ["tpq-error"] = "no luck" }, again.Message.Headers);
    }

    [Fact]
    public async Task Retry_HoldsTheMessageBack_ForAsLongAsItSays()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using (TpqDelivery delivery = await TakeAsync(queue))
            await delivery.RetryAsync(TimeSpan.FromHours(3), cancellationToken: Token);
        Assert.Null(await queue.GetAsync(cancellationToken: Token));
        Assert.True(await ScalarAsync<bool>("SELECT due_at BETWEEN now() + interval '179 min' AND now() + interval '181 min' AND attempts = 1 AND headers IS NULL FROM tpq_orders_later"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AStatementThatFailed_DoesNotKeepTheMessageFromBeingSettled(bool dies)
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using (TpqDelivery delivery = await TakeAsync(queue))
        {
            await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(delivery.Connection, "SELECT 1 / 0"));
            await (dies ? delivery.DeadLetterAsync("zero", Token) : delivery.RetryAsync(TimeSpan.FromHours(1), "zero", Token));
        }
        Assert.Equal(0, await queue.CountAsync(Token));
        Assert.Equal(1, await ScalarAsync<long>($"SELECT count(*) FROM {(dies ? "tpq_orders_dead" : "tpq_orders_later")} WHERE headers->>'tpq-error' = 'zero'"));
    }

    [Fact]
    public async Task DeadLetter_KeepsTheMessage_AndSaysWhereItCameFromAndWhy()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($$"""
            CREATE TABLE "{{Schema}}".ledger (seen text);
            INSERT INTO "{{Schema}}".tpq_orders (data, headers, attempts, enqueued_at)
              VALUES ('{ "n" : 1e400 }', '{"a":"\ud800","n":1,"tpq-error":"old","z":"\u0000"}', 3, '2020-02-02T02:02:02Z')
            """);
        await using (TpqDelivery delivery = await TakeAsync(queue))
        {
            await ExecuteAsync(delivery.Connection, $"INSERT INTO \"{Schema}\".ledger VALUES ('1')");
            await delivery.DeadLetterAsync("why\0not" + new string('x', 5000), Token);
        }
        Assert.Equal(0, await ScalarAsync<long>("SELECT count(*) FROM ledger"));
        Assert.Equal(0, await queue.CountAsync(Token));
        await using TpqDelivery dead = await TakeAsync(Client.Queue("orders_dead"));
        Assert.Equal("{ \"n\" : 1e400 }", dead.Message.Json);
        Assert.Equal((0, new DateTimeOffset(2020, 2, 2, 2, 2, 2, TimeSpan.Zero)), (dead.Message.Attempts, dead.Message.EnqueuedAt));
        IReadOnlyDictionary<string, string> headers = dead.Message.Headers;
        Assert.Equal(["a", "n", "z", "tpq-queue", "tpq-id", "tpq-attempts", "tpq-error", "tpq-died-at"], headers.Keys);
        Assert.Equal(("\"\\ud800\"", "1", "\0", "orders", "1", "4"),
            (headers["a"], headers["n"], headers["z"], headers["tpq-queue"], headers["tpq-id"], headers["tpq-attempts"]));
        Assert.Equal("why\uFFFDnot" + new string('x', 3993) + "…", headers["tpq-error"]);
        var diedAt = DateTimeOffset.Parse(headers["tpq-died-at"], System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(await ScalarAsync<bool>($"SELECT '{diedAt:O}'::timestamptz BETWEEN now() - interval '5 min' AND now()"));
        Assert.EndsWith("Z", headers["tpq-died-at"]);
    }

    [Fact]
    public async Task ADeadLetter_IsRedrivenByAMove_AfreshAndWithItsHeaders()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"INSERT INTO \"{Schema}\".tpq_orders (data, attempts) VALUES ('1', 4)");
        await using (TpqDelivery delivery = await TakeAsync(queue))
            await delivery.DeadLetterAsync("why", Token);
        Assert.Equal(1, await Client.Queue("orders_dead").MoveToAsync(queue, cancellationToken: Token));
        await using TpqDelivery again = await TakeAsync(queue);
        Assert.Equal(("1", 0, "why"), (again.Message.Json, again.Message.Attempts, again.Message.Headers["tpq-error"]));
    }

    [Fact]
    public async Task WhatIsSettled_IsSettledOnce()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await using TpqDelivery first = await TakeAsync(queue), second = await TakeAsync(queue), third = await TakeAsync(queue);
        await first.RetryAsync(TimeSpan.FromHours(1), cancellationToken: Token);
        await second.DeadLetterAsync("why", Token);
        await third.CommitAsync(Token);
        foreach (TpqDelivery delivery in new[] { first, second, third })
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => delivery.CommitAsync(Token));
            await Assert.ThrowsAsync<InvalidOperationException>(() => delivery.RetryAsync(TimeSpan.Zero, cancellationToken: Token));
            await Assert.ThrowsAsync<InvalidOperationException>(() => delivery.DeadLetterAsync("again", Token));
            await delivery.DisposeAsync();
        }
        Assert.Equal((0L, 1L, 1L), (await queue.CountAsync(Token), await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later"), await Client.Queue("orders_dead").CountAsync(Token)));
    }

    [Fact]
    public async Task Settling_IsNotBegun_WhenTheTokenIsCancelled_OrTheDelayIsNegative()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using TpqDelivery delivery = await TakeAsync(queue);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => delivery.RetryAsync(TimeSpan.FromTicks(-1), cancellationToken: Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => delivery.RetryAsync(TimeSpan.Zero, cancellationToken: new CancellationToken(canceled: true)));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => delivery.DeadLetterAsync("why", new CancellationToken(canceled: true)));
        await Assert.ThrowsAsync<ArgumentNullException>(() => delivery.DeadLetterAsync(null!, Token));
        await delivery.CommitAsync(Token);
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task AQueueOfThePythonTpqs_CannotRetry_AndSaysHowItCould()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        await queue.PutAsync("1", Token);
        await using (TpqDelivery delivery = await TakeAsync(queue))
        {
            TpqException error = await Assert.ThrowsAsync<TpqException>(() => delivery.RetryAsync(TimeSpan.Zero, cancellationToken: Token));
            Assert.Contains("tpq upgrade orders", error.Message);
        }
        Assert.Equal(1, await queue.CountAsync(Token));
        await using (TpqDelivery delivery = await TakeAsync(queue))
            await delivery.DeadLetterAsync("why", Token);
        Assert.Equal(["1"], await DrainAsync(Client.Queue("orders_dead")));
    }

    [Fact]
    public async Task WhereThereCanBeNoDeadLetterQueue_ItIsSaid_AndTheMessageIsStillInHand()
    {
        TpqQueue dead = await NewQueueAsync("orders_dead");
        TpqQueue longest = await NewQueueAsync(new string('q', 63 - 6 - 4));
        foreach ((TpqQueue queue, string says) in new[] { (dead, "is a dead letter queue"), (longest, "too long") })
        {
            await queue.PutAsync("1", Token);
            await using TpqDelivery delivery = await TakeAsync(queue);
            TpqException error = await Assert.ThrowsAsync<TpqException>(() => delivery.DeadLetterAsync("why", Token));
            Assert.Contains(says, error.Message);
            await delivery.CommitAsync(Token);
            Assert.Equal(0, await queue.CountAsync(Token));
        }
    }

    [Fact]
    public async Task ARoleThatMayNotCreateTheDeadLetterQueue_IsToldWhoCould()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using var role = await LimitedRole.CreateAsync(Server, Schema, "GRANT SELECT, INSERT, DELETE, UPDATE ON ALL TABLES IN SCHEMA {0} TO {1}");
        await using TpqClient client = NewClient(role.Settings);
        await using (TpqDelivery delivery = await TakeAsync(client.Queue("orders")))
        {
            TpqException error = await Assert.ThrowsAsync<TpqException>(() => delivery.DeadLetterAsync("why", Token));
            Assert.Contains("tpq create orders_dead", error.Message);
            Assert.Contains("permission denied", error.Message);
        }
        Assert.Equal(1, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task APoolOfOneConnection_SettlesToo_WhereTheDeadLetterQueueIsThere()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await using TpqClient client = NewClient("Maximum Pool Size=1");
        await using (TpqDelivery delivery = await TakeAsync(client.Queue("orders")))
        {
            TpqException error = await Assert.ThrowsAsync<TpqException>(() => delivery.DeadLetterAsync("why", Token));
            Assert.Contains("only connection", error.Message);
        }
        await NewQueueAsync("orders_dead");
        await using (TpqDelivery delivery = await TakeAsync(client.Queue("orders")))
            await delivery.DeadLetterAsync("why", Token);
        await using (TpqDelivery delivery = await TakeAsync(client.Queue("orders")))
            await delivery.RetryAsync(TimeSpan.FromHours(1), cancellationToken: Token);
        Assert.Equal((0L, 1L), (await queue.CountAsync(Token), await Client.Queue("orders_dead").CountAsync(Token)));
    }

    [Fact]
    public async Task ADeadLetterQueueThatWasDropped_IsMadeAnew_AndNothingIsLost()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await using (TpqDelivery delivery = await TakeAsync(queue))
            await delivery.DeadLetterAsync("why", Token);
        await Client.Queue("orders_dead").DropAsync(Token);
        await using (TpqDelivery delivery = await TakeAsync(queue))
            await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => delivery.DeadLetterAsync("why", Token));
        await using (TpqDelivery delivery = await TakeAsync(queue))
            await delivery.DeadLetterAsync("why", Token);
        Assert.Equal(["2"], await DrainAsync(Client.Queue("orders_dead")));
    }

    [Fact]
    public async Task ALargeMessage_IsRetriedWhole()
    {
        TpqQueue queue = await NewQueueAsync();
        string large = "\"" + new string('é', 5_000_000) + "\"";
        await queue.PutAsync(large, Token);
        await using (TpqDelivery delivery = await TakeAsync(queue))
            await delivery.RetryAsync(TimeSpan.FromHours(1), cancellationToken: Token);
        Assert.Equal(Encoding.UTF8.GetByteCount(large), await ScalarAsync<int>("SELECT octet_length(data::text) FROM tpq_orders_later"));
    }

    static async Task<TpqDelivery> TakeAsync(TpqQueue queue) =>
        await queue.GetAsync(TimeSpan.FromSeconds(20), Token) ?? throw new InvalidOperationException("nothing came");
}
