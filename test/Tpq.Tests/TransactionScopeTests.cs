using System.Transactions;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class TransactionScopeTests(Server server) : DatabaseTest(server)
{
    [Fact]
    public async Task Put_JoinsTheScope()
    {
        TpqQueue queue = await NewQueueAsync();
        using (TransactionScope scope = NewScope())
        {
            await queue.PutAsync("1", Token);
            await queue.PutManyAsync(["2", "3"], Token);
            Assert.Equal(0, await queue.CountAsync(Token));
            scope.Complete();
        }
        using (NewScope())
            await queue.PutAsync("4", Token);
        Assert.Equal(["1", "2", "3"], await DrainAsync(queue));
    }

    [Fact]
    public async Task Put_CommitsWithTheCallersWrites_OverTheSameDataSource()
    {
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create(Server.KeywordsOf(Server.Url));
        await using var client = new TpqClient(dataSource, new TpqClientOptions { Schema = Schema });
        await client.Queue("orders").CreateAsync(cancellationToken: Token);
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".work (id bigint)");
        using (TransactionScope scope = NewScope())
        {
            await using (NpgsqlConnection connection = await dataSource.OpenConnectionAsync(Token))
                await ExecuteAsync(connection, $"INSERT INTO \"{Schema}\".work VALUES (1)");
            await client.Queue("orders").PutAsync("1", Token);
            scope.Complete();
        }
        Assert.Equal(1L, await ScalarAsync<long>("SELECT count(*) FROM work"));
        Assert.Equal(1, await client.Queue("orders").CountAsync(Token));
    }

    [Fact]
    public async Task FailedPut_LeavesTheScopeUsable()
    {
        TpqQueue queue = await NewQueueAsync();
        using (TransactionScope scope = NewScope())
        {
            await queue.PutAsync("1", Token);
            await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nope").PutAsync("1", Token));
            await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nope").PutManyAsync(["1"], Token));
            await Assert.ThrowsAsync<TpqInvalidJsonException>(() => queue.PutAsync("{", Token));
            await queue.PutAsync("2", Token);
            scope.Complete();
        }
        Assert.Equal(["1", "2"], await DrainAsync(queue));
    }

    [Fact]
    public async Task Get_ThrowsAtOnce_BecauseTwoWouldOwnTheCommit()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        using TransactionScope scope = NewScope();
        await Assert.ThrowsAsync<InvalidOperationException>(() => queue.GetAsync(cancellationToken: Token));
        await Assert.ThrowsAsync<InvalidOperationException>(() => queue.GetManyAsync(2, cancellationToken: Token));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await queue.ReadAllAsync(Token).GetAsyncEnumerator(Token).MoveNextAsync());
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => queue.ConsumeAsync((_, _) => Task.CompletedTask, null, Token));
        Assert.Contains("In(transaction)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Management_AndTheListener_DoNotJoinTheScope()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        using (NewScope())
        {
            await Client.Queue("made").CreateAsync(cancellationToken: Token);
            Assert.True(await queue.DeleteAsync((await queue.PeekAsync(1, Token))[0].Message.Id, Token));
            Assert.Equal(1, await queue.ClearAsync(Token));
            await using NpgsqlConnection connection = await OpenSuppressedAsync();
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
            Assert.Null(await queue.In(transaction).GetAsync(TimeSpan.FromMilliseconds(50), Token));
        }
        Assert.True(await Client.Queue("made").ExistsAsync(Token));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task Put_HasATransactionOfItsOwn_WhenTheConnectionStringSaysEnlistFalse()
    {
        await NewQueueAsync();
        await using TpqClient client = NewClient("Enlist=false");
        using (NewScope())
            await client.Queue("orders").PutAsync("1", Token);
        Assert.Equal(1, await client.Queue("orders").CountAsync(Token));
    }

    [Fact]
    public async Task ASecondConnection_WantsPreparedTransactions_AndTheErrorSaysSo()
    {
        TpqQueue queue = await NewQueueAsync();
        if (await ScalarAsync<string>("SHOW max_prepared_transactions") != "0")
            Assert.Fail("This test wants a server with max_prepared_transactions = 0, the default.");
        var error = await Assert.ThrowsAsync<TransactionAbortedException>(async () =>
        {
            using TransactionScope scope = NewScope();
            await using NpgsqlConnection open = await Server.Admin.OpenConnectionAsync(Token);
            await ExecuteAsync(open, $"CREATE TABLE \"{Schema}\".work (id bigint)");
            await queue.PutAsync("1", Token);
            scope.Complete();
        });
        var cause = Assert.IsType<PostgresException>(error.InnerException);
        Assert.Equal("prepared transactions are disabled", cause.MessageText);
        Assert.Contains("max_prepared_transactions", cause.Hint, StringComparison.Ordinal);
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    static TransactionScope NewScope() => new(
        TransactionScopeOption.Required, new TransactionOptions { IsolationLevel = IsolationLevel.ReadCommitted }, TransactionScopeAsyncFlowOption.Enabled);

    async Task<NpgsqlConnection> OpenSuppressedAsync()
    {
        using var suppressed = new TransactionScope(TransactionScopeOption.Suppress, TransactionScopeAsyncFlowOption.Enabled);
        return await OpenAsync();
    }
}
