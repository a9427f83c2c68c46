using System.Data;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class CallersTransactionTests(Server server) : DatabaseTest(server)
{
    [Fact]
    public async Task In_RefusesNull()
    {
        TpqQueue queue = await NewQueueAsync();
        Assert.Throws<ArgumentNullException>(() => queue.In((NpgsqlTransaction)null!));
    }

    [Fact]
    public async Task PutAndGet_CommitWithTheCaller_OverSeveralQueuesAndMessages()
    {
        TpqQueue from = await NewQueueAsync("from"), to = await NewQueueAsync("to");
        await from.PutManyAsync(["1", "2", "3"], Token);
        await using NpgsqlConnection connection = await OpenAsync();
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token))
        {
            TpqMessage first = (await from.In(transaction).GetAsync(cancellationToken: Token))!;
            IReadOnlyList<TpqMessage> rest = await from.In(transaction).GetManyAsync(5, cancellationToken: Token);
            await to.In(transaction).PutAsync(first.Json, Token);
            await to.In(transaction).PutAsync(rest[0].Utf8Json, Token);
            await to.In(transaction).PutManyAsync([new TpqPut(rest[1].Utf8Json)], Token);
            await to.In(transaction).PutAsync(new Order(4), TestJson.Default.Order, Token);
            Assert.Null(await from.In(transaction).GetAsync(cancellationToken: Token));
            Assert.Empty(await from.In(transaction).GetManyAsync(1, cancellationToken: Token));
            Assert.Equal(0, await to.CountAsync(Token));
            Assert.Equal(3, await from.CountAsync(Token));
            await transaction.CommitAsync(Token);
        }
        Assert.Equal(["1", "2", "3", """{"Id":4,"Item":null}"""], await DrainAsync(to));
        Assert.Equal(0, await from.CountAsync(Token));
    }

    [Fact]
    public async Task PutAndGet_AreUndone_WhenTheCallerRollsBack()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using NpgsqlConnection connection = await OpenAsync();
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token))
        {
            Assert.Equal("1", (await queue.In(transaction).GetAsync(cancellationToken: Token))!.Json);
            await queue.In(transaction).PutAsync("2", Token);
            await transaction.RollbackAsync(Token);
        }
        Assert.Equal(["1"], await DrainAsync(queue));
    }

    [Fact]
    public async Task Get_IsUndone_WhenTheCallerRollsBackToASavepoint()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using NpgsqlConnection connection = await OpenAsync();
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token))
        {
            await transaction.SaveAsync("callers", Token);
            Assert.NotNull(await queue.In(transaction).GetAsync(cancellationToken: Token));
            await transaction.RollbackAsync("callers", Token);
            Assert.NotNull(await queue.In(transaction).GetAsync(cancellationToken: Token));
            await transaction.RollbackAsync("callers", Token);
            await transaction.CommitAsync(Token);
        }
        Assert.Equal(["1"], await DrainAsync(queue));
    }

    [Fact]
    public async Task Failure_LeavesTheCallersWorkUsable_AndNothingOfOursOpen()
    {
        TpqQueue queue = await NewQueueAsync(), python = await NewPythonQueueAsync("python"), nope = Client.Queue("nope");
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".work (id bigint)");
        var headed = new TpqPut("1") { Headers = new Dictionary<string, string> { ["a"] = "b" } };
        await using NpgsqlConnection connection = await OpenAsync();
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token))
        {
            await ExecuteAsync(connection, "INSERT INTO work VALUES (1)");
            await Assert.ThrowsAsync<TpqInvalidJsonException>(() => queue.In(transaction).PutAsync("{", Token));
            await Assert.ThrowsAsync<TpqInvalidJsonException>(() => queue.In(transaction).PutManyAsync([new("1"), new("{")], Token));
            await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => nope.In(transaction).PutAsync("1", Token));
            await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => nope.In(transaction).PutManyAsync([new("1")], Token));
            await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => nope.In(transaction).GetAsync(cancellationToken: Token));
            await Assert.ThrowsAsync<TpqException>(() => python.In(transaction).PutAsync(headed, Token));
            await ExecuteAsync(connection, "INSERT INTO work VALUES (2)");
            // Nothing of ours is open: our savepoint's name is unknown.
            await transaction.SaveAsync("callers", Token);
            var unknown = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(connection, "RELEASE SAVEPOINT tpq_own_savepoint"));
            Assert.Equal(PostgresErrorCodes.InvalidSavepointSpecification, unknown.SqlState);
            await transaction.RollbackAsync("callers", Token);
            await transaction.CommitAsync(Token);
        }
        Assert.Equal(2L, await ScalarAsync<long>("SELECT count(*) FROM work"));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task Savepoint_IsSetUntilTheFirstSuccessOnly()
    {
        TpqQueue queue = await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        for (int i = 0; i < 100; i++)
            await queue.In(transaction).PutAsync("1", Token);
        // A row carries the number of the subtransaction that wrote it: one savepoint's, and the transaction's own.
        Assert.Equal(2L, await ScalarAsync<long>(connection, "SELECT count(DISTINCT xmin::text) FROM tpq_orders"));
    }

    [Fact]
    public async Task PutAndGet_Throw_WhenTheTransactionHasEnded()
    {
        TpqQueue queue = await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await transaction.CommitAsync(Token);
        await Assert.ThrowsAsync<InvalidOperationException>(() => queue.In(transaction).PutAsync("1", Token));
        await Assert.ThrowsAsync<InvalidOperationException>(() => queue.In(transaction).GetAsync(cancellationToken: Token));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task PutAndGet_PassTheServersErrorThrough_WhenTheTransactionHadFailed()
    {
        TpqQueue queue = await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(connection, "SELECT 1 / 0"));
        var error = await Assert.ThrowsAsync<PostgresException>(() => queue.In(transaction).PutAsync("1", Token));
        Assert.Equal(PostgresErrorCodes.InFailedSqlTransaction, error.SqlState);
    }

    [Fact]
    public async Task Get_SaysWhy_WhenRepeatableReadMeetsAnotherConsumer_AndLeavesTheTransactionToTheCaller()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".work (id bigint)");
        await queue.PutManyAsync(["1", "2"], Token);
        await using NpgsqlConnection connection = await OpenAsync();
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, Token))
        {
            await ExecuteAsync(connection, "INSERT INTO work VALUES (1)");
            // Another process's consumer: what this client has taken it would not look at again.
            await using TpqClient other = NewClient();
            Assert.Equal("1", (await DrainOneAsync(other.Queue("orders"))).Json);
            var error = await Assert.ThrowsAsync<TpqException>(() => queue.In(transaction).GetAsync(cancellationToken: Token));
            Assert.Contains("REPEATABLE READ", error.Message, StringComparison.Ordinal);
            Assert.Equal(PostgresErrorCodes.SerializationFailure, Assert.IsType<PostgresException>(error.InnerException).SqlState);
            await ExecuteAsync(connection, "INSERT INTO work VALUES (2)");
            await queue.In(transaction).PutAsync("3", Token);
            await transaction.CommitAsync(Token);
        }
        Assert.Equal(2L, await ScalarAsync<long>("SELECT count(*) FROM work"));
        Assert.Equal(["2", "3"], await DrainAsync(queue));
    }

    [Fact]
    public async Task Get_Works_InRepeatableReadAndSerializable_WhereNobodyElseTakes()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await using NpgsqlConnection connection = await OpenAsync();
        foreach (IsolationLevel level in (IsolationLevel[])[IsolationLevel.RepeatableRead, IsolationLevel.Serializable])
        {
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(level, Token);
            Assert.NotNull(await queue.In(transaction).GetAsync(cancellationToken: Token));
            await transaction.CommitAsync(Token);
        }
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task Get_Waits_InTheCallersTransaction()
    {
        TpqQueue queue = await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        Assert.Null(await queue.In(transaction).GetAsync(TimeSpan.FromMilliseconds(50), Token));
        Task<TpqMessage?> get = queue.In(transaction).GetAsync(TimeSpan.FromMinutes(1), Token);
        Assert.False(get.IsCompleted);
        await queue.PutAsync("1", Token);
        Assert.Equal("1", (await get)!.Json);
        Assert.Equal(1, await queue.CountAsync(Token));
        await transaction.CommitAsync(Token);
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    static async Task<TpqMessage> DrainOneAsync(TpqQueue queue)
    {
        await using TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!;
        await delivery.CommitAsync(Token);
        return delivery.Message;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ACancelledOrTimedOutCall_LeavesTheCallersWorkUsable(bool cancelled)
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".work (id bigint)");
        await using NpgsqlConnection other = await OpenAsync();
        await using NpgsqlTransaction locking = await other.BeginTransactionAsync(Token);
        await ExecuteAsync(other, "LOCK TABLE tpq_orders");
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create($"{Server.KeywordsOf(Server.Url)};Search Path=\"{Schema}\";Command Timeout={(cancelled ? 60 : 1)}");
        await using NpgsqlConnection connection = await dataSource.OpenConnectionAsync(Token);
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token))
        {
            await ExecuteAsync(connection, "INSERT INTO work VALUES (1)");
            await FailsAsync(token => queue.In(transaction).PutAsync("1", token));
            await FailsAsync(token => queue.In(transaction).GetAsync(TimeSpan.FromSeconds(30), token));
            await ExecuteAsync(connection, "INSERT INTO work VALUES (2)");
            await transaction.CommitAsync(Token);
        }
        Assert.Equal(2L, await ScalarAsync<long>("SELECT count(*) FROM work"));

        async Task FailsAsync(Func<CancellationToken, Task> call)
        {
            using var cancel = new CancellationTokenSource();
            Task calling = call(cancel.Token);
            await EventuallyAsync(() => ScalarAsync<bool>(
                $"SELECT EXISTS (SELECT FROM pg_locks WHERE relation = '\"{Schema}\".tpq_orders'::regclass AND NOT granted) OR {calling.IsCompleted}"), "the call waits");
            if (cancelled)
                await cancel.CancelAsync();
            Exception? error = await Record.ExceptionAsync(() => calling);
            Assert.True(cancelled ? error is OperationCanceledException : error is NpgsqlException, $"{error}");
        }
    }

    [Fact]
    public async Task ACallThatWasCancelledBeforeItWasSent_LeavesTheCallersWorkUsable()
    {
        TpqQueue queue = await NewQueueAsync();
        var cancelled = new CancellationToken(canceled: true);
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queue.In(transaction).PutAsync("1", cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queue.In(transaction).GetAsync(cancellationToken: cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queue.In(transaction).PutManyAsync([new TpqPut("1")], cancelled));
        await queue.In(transaction).PutAsync("2", Token);
        await transaction.CommitAsync(Token);
        Assert.Equal(["2"], await DrainAsync(queue));
    }

    [Fact]
    public async Task ACancelledBulkPut_LeavesTheCallersConnectionAndWorkUsable()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"""
            CREATE TABLE "{Schema}".work (id bigint);
            CREATE FUNCTION "{Schema}".slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END';
            CREATE TRIGGER slow BEFORE INSERT ON "{Schema}".tpq_orders FOR EACH ROW EXECUTE FUNCTION "{Schema}".slow();
            """);
        var large = new TpqPut($"\"{new string('x', 300_000)}\"");
        await using NpgsqlConnection connection = await OpenAsync();
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token))
        {
            await ExecuteAsync(connection, "INSERT INTO work VALUES (1)");
            // The server is slow and the messages fill every buffer between, so that it is a write that is cancelled.
            using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queue.In(transaction).PutManyAsync(Enumerable.Repeat(large, 100), cancel.Token));
            await ExecuteAsync(connection, "INSERT INTO work VALUES (2)");
            await transaction.CommitAsync(Token);
        }
        Assert.Equal(2L, await ScalarAsync<long>("SELECT count(*) FROM work"));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task AnErrorOfABulkPutsSource_ComesThroughAsItIs()
    {
        TpqQueue queue = await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        foreach (string state in (string[])[PostgresErrorCodes.UndefinedTable, PostgresErrorCodes.InFailedSqlTransaction])
        {
            var thrown = new PostgresException("of the source's", "ERROR", "ERROR", state);
            Assert.Same(thrown, await Assert.ThrowsAsync<PostgresException>(() => queue.In(transaction).PutManyAsync(Throwing(thrown), Token)));
            Assert.Same(thrown, await Assert.ThrowsAsync<PostgresException>(() => queue.PutManyAsync(Throwing(thrown), Token)));
        }
        await queue.In(transaction).PutAsync("1", Token);

        static IEnumerable<TpqPut> Throwing(Exception error)
        {
            yield return new TpqPut("1");
            throw error;
        }
    }

    [Fact]
    public async Task EachPut_IsProvenForItself_AndADisprovenOneIsGuardedAgain()
    {
        TpqQueue python = await NewPythonQueueAsync("python"), late = Client.Queue("late");
        var headed = new TpqPut("1") { Headers = new Dictionary<string, string> { ["a"] = "b" } };
        await using NpgsqlConnection connection = await OpenAsync();
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token))
        {
            await python.In(transaction).PutAsync("1", Token);
            await Assert.ThrowsAsync<TpqException>(() => python.In(transaction).PutAsync(headed, Token));
            await python.In(transaction).PutAsync("2", Token);
            await transaction.CommitAsync(Token);
        }
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token))
        {
            await ExecuteAsync(connection, late.CreateScript());
            await late.In(transaction).PutAsync("1", Token);
            await transaction.RollbackAsync(Token);
        }
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token))
            await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => late.In(transaction).PutAsync("1", Token));
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token))
        {
            await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => late.In(transaction).PutAsync("1", Token));
            Assert.Equal(1, await ScalarAsync<int>(connection, "SELECT 1"));
        }
    }

    [Fact]
    public async Task Get_TakesOn_WhenAnUpgradeHasChangedAPreparedStatement()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await using NpgsqlDataSource preparing = NpgsqlDataSource.Create($"{Server.KeywordsOf(Server.Url)};Max Auto Prepare=20;Auto Prepare Min Usages=1;Maximum Pool Size=1");
        for (int i = 1; i <= 3; i++)
        {
            if (i == 3)
                await queue.UpgradeAsync(Token);
            await using NpgsqlConnection connection = await preparing.OpenConnectionAsync(Token);
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
            Assert.Equal($"{i}", (await queue.In(transaction).GetAsync(cancellationToken: Token))!.Json);
            await transaction.CommitAsync(Token);
        }
    }
}
