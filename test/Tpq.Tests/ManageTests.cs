using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class ManageTests(Server server) : DatabaseTest(server)
{
    [Fact]
    public async Task Count_CountsWhatIsInHandToo_AndLocksNothing()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await using TpqDelivery held = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.Equal(3, await queue.CountAsync(Token));
        Assert.Equal(1L, await ScalarAsync<long>("SELECT count(*) FROM tpq_orders WHERE xmax <> 0"));
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nope").CountAsync(Token));
    }

    [Fact]
    public async Task Clear_SkipsWhatOthersHold_AndSaysHowMany()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        TpqDelivery held = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.Equal(2, await queue.ClearAsync(Token));
        Assert.Equal(0, await queue.ClearAsync(Token));
        await held.DisposeAsync();
        Assert.Equal(["1"], await DrainAsync(queue));
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nope").ClearAsync(Token));
    }

    [Fact]
    public async Task Delete_RemovesWhatIsReady_AndNothingElse()
    {
        TpqQueue queue = await NewQueueAsync();
        long first = await queue.PutAsync("1", Token), second = await queue.PutAsync("2", Token);
        await using TpqDelivery held = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.False(await queue.DeleteAsync(first, Token));
        Assert.True(await queue.DeleteAsync(second, Token));
        Assert.False(await queue.DeleteAsync(second, Token));
        Assert.False(await queue.DeleteAsync(long.MaxValue, Token));
        Assert.Equal(1, await queue.CountAsync(Token));
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nope").DeleteAsync(1, Token));
    }

    [Fact]
    public async Task Peek_ShowsWhatIsInHand_AndLocksNothing()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await queue.PutAsync(new TpqPut("4") { Headers = new Dictionary<string, string> { ["a"] = "b" } }, Token);
        await using TpqDelivery held = (await queue.GetAsync(cancellationToken: Token))!;
        TpqDelivery rolledBack = (await queue.GetAsync(cancellationToken: Token))!;
        await rolledBack.DisposeAsync();
        IReadOnlyList<TpqPeeked> peeked = await queue.PeekAsync(10, Token);
        Assert.Equal([("1", true), ("2", false), ("3", false), ("4", false)], peeked.Select(p => (p.Message.Json, p.Taken)));
        Assert.Equal("b", peeked[3].Message.Headers["a"]);
        Assert.Single(await queue.PeekAsync(cancellationToken: Token));
        Assert.Equal(2L, await ScalarAsync<long>("SELECT count(*) FROM tpq_orders WHERE xmax <> 0"));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => queue.PeekAsync(0, Token));
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nope").PeekAsync(1, Token));
    }

    [Fact]
    public async Task Peek_ShowsWhatACallersTransactionHasInHand_BehindASavepointToo()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3", "4"], Token);
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await queue.In(transaction).GetAsync(cancellationToken: Token);   // behind a savepoint of ours, released
        await queue.In(transaction).GetAsync(cancellationToken: Token);   // behind none
        await transaction.SaveAsync("callers", Token);
        await queue.In(transaction).GetAsync(cancellationToken: Token);   // behind one of the caller's, open
        Assert.Equal([true, true, true, false], (await queue.PeekAsync(10, Token)).Select(p => p.Taken));
        await transaction.RollbackAsync("callers", Token);
        Assert.Equal([true, true, false, false], (await queue.PeekAsync(10, Token)).Select(p => p.Taken));
        await transaction.RollbackAsync(Token);
        Assert.Equal([false, false, false, false], (await queue.PeekAsync(10, Token)).Select(p => p.Taken));
    }

    [Fact]
    public async Task Move_MovesInOrder_KeepingHeadersAndTime_ResettingAttempts()
    {
        TpqQueue from = await NewQueueAsync("from"), to = await NewQueueAsync("to");
        await to.PutAsync("0", Token);
        await from.PutManyAsync(
            [new TpqPut("1"), new TpqPut("2") { Headers = new Dictionary<string, string> { ["a"] = "b" } }, new TpqPut("3"), new TpqPut("4")], Token);
        await ExecuteAsync($"UPDATE \"{Schema}\".tpq_from SET attempts = 3, enqueued_at = '2020-02-02T00:00:00Z'");
        await using (TpqDelivery held = (await from.GetAsync(cancellationToken: Token))!)
        {
            Assert.Equal(2, await from.MoveToAsync(to, 2, Token));
            Assert.Equal(1, await from.MoveToAsync(to, cancellationToken: Token));
            Assert.Equal(0, await from.MoveToAsync(to, cancellationToken: Token));
        }
        await using TpqBatch batch = (await to.GetManyAsync(10, cancellationToken: Token))!;
        Assert.Equal(["0", "2", "3", "4"], batch.Select(m => m.Json));
        Assert.Equal("b", batch[1].Headers["a"]);
        Assert.Equal(new DateTimeOffset(2020, 2, 2, 0, 0, 0, TimeSpan.Zero), batch[1].EnqueuedAt);
        Assert.All(batch, m => Assert.Equal(0, m.Attempts));
        Assert.Equal(["1"], await DrainAsync(from));
    }

    [Fact]
    public async Task ATableThatIsNotAQueue_LosesNothing()
    {
        await ExecuteAsync(
            $"""
            CREATE TABLE "{Schema}".tpq_jsonb (id bigint PRIMARY KEY, data jsonb, title text);
            CREATE TABLE "{Schema}".tpq_text (id int PRIMARY KEY, title text);
            INSERT INTO "{Schema}".tpq_jsonb VALUES (1, '1', 'a');
            INSERT INTO "{Schema}".tpq_text VALUES (1, 'a');
            """);
        TpqQueue orders = await NewQueueAsync();
        foreach (TpqQueue table in (TpqQueue[])[Client.Queue("jsonb"), Client.Queue("text")])
        {
            await RefusedAsync(() => table.GetAsync(cancellationToken: Token));
            await RefusedAsync(() => table.GetManyAsync(10, cancellationToken: Token));
            await RefusedAsync(() => table.PeekAsync(cancellationToken: Token));
            await RefusedAsync(() => table.DeleteAsync(1, Token));
            await RefusedAsync(() => table.ClearAsync(Token));
            await using NpgsqlConnection connection = await Client.DataSource.OpenConnectionAsync(Token);
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
            await orders.In(transaction).PutAsync("1", Token);
            await RefusedAsync(() => table.In(transaction).GetAsync(cancellationToken: Token));
            await transaction.CommitAsync(Token);
        }
        Assert.Equal(2, await orders.CountAsync(Token));
        Assert.Equal(2, await ScalarAsync<long>("SELECT (SELECT count(*) FROM tpq_jsonb) + (SELECT count(*) FROM tpq_text)"));

        static async Task RefusedAsync(Func<Task> work) =>
            Assert.Contains("is not a queue", (await Assert.ThrowsAsync<TpqException>(work)).Message);
    }

    [Fact]
    public async Task Move_LosesNoHeaders_ToAQueueOfThePythonTpqs()
    {
        TpqQueue from = await NewQueueAsync("from"), python = await NewPythonQueueAsync();
        await from.PutAsync("1", Token);
        var error = await Assert.ThrowsAsync<TpqException>(() => from.MoveToAsync(python, cancellationToken: Token));
        Assert.Contains("tpq upgrade orders", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, await from.CountAsync(Token));
        await python.PutAsync("2", Token);
        Assert.Equal(1, await python.MoveToAsync(from, cancellationToken: Token));
        Assert.Equal(["1", "2"], await DrainAsync(from));
    }

    [Fact]
    public async Task Move_Refuses_WhatItCannotDoInOneTransaction()
    {
        TpqQueue queue = await NewQueueAsync();
        await using TpqClient other = NewClient();
        await Assert.ThrowsAsync<ArgumentException>(() => queue.MoveToAsync(queue, cancellationToken: Token));
        await Assert.ThrowsAsync<ArgumentException>(() => queue.MoveToAsync(other.Queue("to"), cancellationToken: Token));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => queue.MoveToAsync(Client.Queue("to"), 0, Token));
        Assert.Equal("nope", (await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => queue.MoveToAsync(Client.Queue("nope"), cancellationToken: Token))).Queue);
        Assert.Equal("nope", (await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nope").MoveToAsync(queue, cancellationToken: Token))).Queue);
    }

    [Fact]
    public async Task List_ShowsQueuesAndNothingElse()
    {
        TpqQueue orders = await NewQueueAsync();
        await NewQueueAsync("empty");
        TpqQueue python = await NewPythonQueueAsync("python");
        await orders.PutManyAsync(["1", "2"], Token);
        await python.PutAsync("1", Token);
        await ExecuteAsync($"UPDATE \"{Schema}\".tpq_orders SET enqueued_at = '2020-02-02T00:00:00Z' WHERE id = 1");
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".tpq_customers (id bigint PRIMARY KEY, data json, name text)");
        Assert.Equal(
            [new TpqQueueInfo("empty", 0, null), new TpqQueueInfo("orders", 2, new DateTimeOffset(2020, 2, 2, 0, 0, 0, TimeSpan.Zero)), new TpqQueueInfo("python", 1, null)],
            await Client.ListAsync(Token));
        await using var bySearchPath = new TpqClient($"{Server.KeywordsOf(Server.Url)};Search Path=\"{Schema}\"");
        Assert.Equal(["empty", "orders", "python"], (await bySearchPath.ListAsync(Token)).Select(q => q.Name));
    }

    [Fact]
    public async Task Clear_RefusesATableThatIsNotAQueue()
    {
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".tpq_order_lines (id bigint PRIMARY KEY, data json, x int); INSERT INTO \"{Schema}\".tpq_order_lines VALUES (1, '1', 1)");
        await Assert.ThrowsAsync<TpqException>(() => Client.Queue("order_lines").ClearAsync(Token));
        Assert.Equal(1L, await ScalarAsync<long>("SELECT count(*) FROM tpq_order_lines"));
    }
}
