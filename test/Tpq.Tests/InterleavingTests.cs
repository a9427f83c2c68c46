using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Two sessions, step by step.</summary>
public sealed class InterleavingTests(Server server) : DatabaseTest(server)
{
    [Fact]
    public async Task TwoTakers_GetTheFirstTwo_AndAThirdNothing()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await using TpqDelivery first = (await queue.GetAsync(cancellationToken: Token))!;
        await using TpqDelivery second = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.Equal(("1", "2"), (first.Message.Json, second.Message.Json));
        Assert.Null(await queue.GetAsync(cancellationToken: Token));
    }

    [Fact]
    public async Task TakeCommit_RemovesForTheOther()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await using TpqDelivery first = (await queue.GetAsync(cancellationToken: Token))!;
        await using TpqDelivery second = (await queue.GetAsync(cancellationToken: Token))!;
        await first.CommitAsync(Token);
        Assert.Null(await queue.GetAsync(cancellationToken: Token));
        await second.CommitAsync(Token);
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task TakeRollback_PutsItBackInFront()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        TpqDelivery first = (await queue.GetAsync(cancellationToken: Token))!;
        await using TpqDelivery second = (await queue.GetAsync(cancellationToken: Token))!;
        await first.DisposeAsync();
        await second.CommitAsync(Token);
        Assert.Equal(["1", "3"], await DrainAsync(queue));
    }

    [Fact]
    public async Task ATakeWhoseBackendDies_IsBackAtOnce()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using TpqDelivery dying = (await queue.GetAsync(cancellationToken: Token))!;
        await ExecuteAsync($"SELECT pg_terminate_backend({dying.Connection.ProcessID}, 10000)");
        await using TpqDelivery other = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.Equal("1", other.Message.Json);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => dying.CommitAsync(Token));
        await other.CommitAsync(Token);
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task AnUncommittedPut_IsNotSeen_AndALateCommitIsFound()
    {
        TpqQueue queue = await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction late = await connection.BeginTransactionAsync(Token);
        await queue.In(late).PutAsync("1", Token);
        await queue.PutAsync("2", Token);
        Assert.Equal(["2"], await DrainAsync(queue));
        await late.CommitAsync(Token);
        Assert.Equal(["1"], await DrainAsync(queue));
    }

    [Fact]
    public async Task ABatchAndASingleTake_DoNotOverlap()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3", "4"], Token);
        await using TpqDelivery first = (await queue.GetAsync(cancellationToken: Token))!;
        await using TpqBatch batch = (await queue.GetManyAsync(2, cancellationToken: Token))!;
        await using TpqDelivery last = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.Equal(["1", "2", "3", "4"], [first.Message.Json, .. batch.Select(m => m.Json), last.Message.Json]);
    }

    /// <summary>Whether it was committed is unknown to the consumer, but message and writes are still one.</summary>
    [Fact]
    public async Task AConnectionThatBreaksDuringCommit_IsAnError_AndMessageAndWritesAreOne()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await ExecuteAsync(
            $"""
            CREATE TABLE "{Schema}".slow (id int);
            CREATE FUNCTION "{Schema}".wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
            CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON "{Schema}".slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "{Schema}".wait()
            """);
        await using TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!;
        int process = delivery.Connection.ProcessID;
        await ExecuteAsync(delivery.Connection, $"INSERT INTO \"{Schema}\".slow VALUES (1)");
        Task commit = delivery.CommitAsync(Token);
        await EventuallyAsync(() => ScalarAsync<bool>($"SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = {process}"), "it commits");
        await ExecuteAsync($"SELECT pg_terminate_backend({process}, 10000)");
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => commit);
        Assert.Equal(0L, await ScalarAsync<long>("SELECT count(*) FROM slow"));
        Assert.Equal(["1"], await DrainAsync(queue));
    }
}
