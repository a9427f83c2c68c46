using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class GetTests(Server server) : DatabaseTest(server)
{
    [Fact]
    public async Task Get_ReturnsNull_WhenTheQueueIsEmpty()
    {
        TpqQueue queue = await NewQueueAsync();
        Assert.Null(await queue.GetAsync(cancellationToken: Token));
        Assert.Null(await queue.GetManyAsync(5, cancellationToken: Token));
    }

    [Fact]
    public async Task Commit_RemovesTheMessage_WithTheHandlersWrites()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".ledger (id bigint)");
        long id = await queue.PutAsync("1", Token);
        await using (TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!)
        {
            await WriteAsync(delivery.Connection, delivery.Transaction, id);
            Assert.Equal(0L, await ScalarAsync<long>("SELECT count(*) FROM ledger"));
            await delivery.CommitAsync(Token);
            Assert.Equal((id, "1"), (delivery.Message.Id, delivery.Message.Json));
        }
        Assert.Equal(id, await ScalarAsync<long>("SELECT id FROM ledger"));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task Dispose_GivesTheMessageBack_AndUndoesTheHandlersWrites()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".ledger (id bigint)");
        long id = await queue.PutAsync("1", Token);
        TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!;
        await WriteAsync(delivery.Connection, delivery.Transaction, id);
        await delivery.DisposeAsync();
        await delivery.DisposeAsync();
        Assert.Equal(0L, await ScalarAsync<long>("SELECT count(*) FROM ledger"));
        await using TpqDelivery again = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.Equal(id, again.Message.Id);
    }

    [Fact]
    public async Task CommittingTheTransactionItself_EqualsCommit()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using (TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!)
        {
            await delivery.Transaction.CommitAsync(Token);
            await Assert.ThrowsAsync<InvalidOperationException>(() => delivery.CommitAsync(Token));
        }
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task Commit_Throws_WhenItIsTheSecondOrComesAfterDispose()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        TpqDelivery first = (await queue.GetAsync(cancellationToken: Token))!;
        await first.CommitAsync(Token);
        await Assert.ThrowsAsync<InvalidOperationException>(() => first.CommitAsync(Token));
        await first.DisposeAsync();
        TpqDelivery second = (await queue.GetAsync(cancellationToken: Token))!;
        await second.DisposeAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => second.CommitAsync(Token));
        Assert.Equal(1, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task Commit_LooksAtTheTokenBeforeItSends_AndLeavesTheDeliveryAsItWas()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => delivery.CommitAsync(new CancellationToken(canceled: true)));
        await delivery.CommitAsync(Token);
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task Commit_SaysThatAllIsUndone_WhenAStatementHadFailed()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using (TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!)
        {
            await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(delivery.Connection, "SELECT 1 / 0"));
            var error = await Assert.ThrowsAsync<TpqException>(() => delivery.CommitAsync(Token));
            Assert.Contains("a statement in it failed before", error.Message, StringComparison.Ordinal);
        }
        Assert.Equal(["1"], await DrainAsync(queue));
    }

    [Fact]
    public async Task Commit_GivesTheMessageBack_WhenADeferredConstraintFails()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"""
            CREATE TABLE "{Schema}".parent (id bigint PRIMARY KEY);
            CREATE TABLE "{Schema}".child (id bigint REFERENCES "{Schema}".parent DEFERRABLE INITIALLY DEFERRED);
            """);
        await queue.PutAsync("1", Token);
        await using (TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!)
        {
            await ExecuteAsync(delivery.Connection, $"INSERT INTO \"{Schema}\".child VALUES (7)");
            var error = await Assert.ThrowsAsync<PostgresException>(() => delivery.CommitAsync(Token));
            Assert.Equal(PostgresErrorCodes.ForeignKeyViolation, error.SqlState);
        }
        Assert.Equal(["1"], await DrainAsync(queue));
    }

    [Fact]
    public async Task Dispose_DoesNotThrow_WhenTheConnectionIsBrokenOrClosed()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        TpqDelivery broken = (await queue.GetAsync(cancellationToken: Token))!;
        TpqDelivery closed = (await queue.GetAsync(cancellationToken: Token))!;
        await ExecuteAsync($"SELECT pg_terminate_backend({broken.Connection.ProcessID})");
        await Record.ExceptionAsync(() => ExecuteAsync(broken.Connection, "SELECT 1"));
        Assert.Contains("connection was lost", (await Assert.ThrowsAsync<TpqException>(() => broken.CommitAsync(Token))).Message, StringComparison.Ordinal);
        await broken.DisposeAsync();
        await closed.Connection.CloseAsync();
        await closed.DisposeAsync();
        await EventuallyAsync(async () => (await queue.PeekAsync(10, Token)).All(p => !p.Taken), "both are back");
        Assert.Equal(["1", "2"], await DrainAsync(queue));
    }

    [Fact]
    public async Task GetMany_TakesInOrder_UpToMax_AllOrNothing()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(Enumerable.Range(1, 7).Select(i => $"{i}"), Token);
        await using (TpqBatch batch = (await queue.GetManyAsync(5, cancellationToken: Token))!)
        {
            Assert.Equal(["1", "2", "3", "4", "5"], batch.Select(m => m.Json));
            Assert.Equal((5, "3"), (batch.Count, batch[2].Json));
        }
        await using (TpqBatch batch = (await queue.GetManyAsync(5, cancellationToken: Token))!)
        {
            await batch.CommitAsync(Token);
            await Assert.ThrowsAsync<InvalidOperationException>(() => batch.CommitAsync(Token));
        }
        Assert.Equal(["6", "7"], await DrainAsync(queue));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => queue.GetManyAsync(0, cancellationToken: Token));
    }

    [Fact]
    public async Task GetMany_IsInTheOrderOfIds_WhateverOrderTheServerReturns()
    {
        await NewQueueAsync();
        await ExecuteAsync($"INSERT INTO \"{Schema}\".tpq_orders (id, data) SELECT n, to_json(n) FROM generate_series(9, 1, -1) n");
        await using TpqClient client = NewClient("Options=-c enable_indexscan=off -c enable_bitmapscan=off -c enable_indexonlyscan=off");
        await using TpqBatch batch = (await client.Queue("orders").GetManyAsync(5, cancellationToken: Token))!;
        Assert.Equal([1L, 2, 3, 4, 5], batch.Select(m => m.Id));
    }

    [Fact]
    public async Task Get_NamesTheQueue_WhenThereIsNoSuchQueue()
    {
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nope").GetAsync(cancellationToken: Token));
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nope").GetAsync(TimeSpan.FromMinutes(1), Token));
    }

    [Fact]
    public async Task Get_TakesOn_WhenAnUpgradeHasChangedAPreparedStatement()
    {
        TpqQueue made = await NewPythonQueueAsync();
        await made.PutManyAsync(["1", "2", "3", "4"], Token);
        await using TpqClient preparing = NewClient("Max Auto Prepare=10;Auto Prepare Min Usages=1;Maximum Pool Size=1");
        TpqQueue queue = preparing.Queue("orders");
        Assert.Equal("1", await TakeAsync());
        Assert.Equal("2", await TakeAsync());
        Assert.True(await made.UpgradeAsync(Token));
        Assert.Equal("3", await TakeAsync());
        Assert.Equal("4", await TakeAsync());

        async Task<string> TakeAsync()
        {
            await using TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!;
            await delivery.CommitAsync(Token);
            return delivery.Message.Json;
        }
    }

    [Fact]
    public async Task ReadAll_GivesBack_WhenTheLoopIsLeft()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await foreach (TpqDelivery delivery in queue.ReadAllAsync(Token))
        {
            if (delivery.Message.Json == "2")
                break;
            await delivery.CommitAsync(Token);
        }
        Assert.Equal(["2"], await DrainAsync(queue));
    }

    [Fact]
    public async Task ReadAll_ThrowsAndGivesBack_WhenTheLoopGoesOnWithADeliveryInHand()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        var error = await Assert.ThrowsAsync<InvalidOperationException>(async () =>
        {
            await foreach (TpqDelivery _ in queue.ReadAllAsync(Token))
            {
            }
        });
        Assert.Contains("neither committed nor disposed", error.Message, StringComparison.Ordinal);
        Assert.Equal(["1", "2"], await DrainAsync(queue));
    }

    [Fact]
    public async Task ReadAll_GoesOn_WhenTheDeliveryWasDisposedOrItsTransactionCommitted()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        var seen = new List<string>();
        await foreach (TpqDelivery delivery in queue.ReadAllAsync(Token))
        {
            seen.Add(delivery.Message.Json);
            if (seen.Count == 1)
                await delivery.DisposeAsync();
            else
                await delivery.Transaction.CommitAsync(Token);
            if (seen.Count == 3)
                break;
        }
        Assert.Equal(["1", "1", "2"], seen);
    }

    [Fact]
    public async Task ReadAll_IsCancelled_WithoutHoldingAnything()
    {
        TpqQueue queue = await NewQueueAsync();
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (TpqDelivery _ in queue.ReadAllAsync(cancel.Token))
                Assert.Fail("The queue is empty.");
        });
    }

    async Task WriteAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, long id)
    {
        await using var command = new NpgsqlCommand($"INSERT INTO \"{Schema}\".ledger VALUES ($1)", connection, transaction);
        command.Parameters.Add(new() { Value = id });
        await command.ExecuteNonQueryAsync(Token);
    }
}
