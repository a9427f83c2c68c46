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

    /// <summary>A batch walks from its first row to its last: between them may lie rows that others have, or rows that are no more, or nothing.</summary>
    [Theory]
    [InlineData("2, 3, 4, 5", "", "2, 3, 4")]
    [InlineData("2, 5, 90, 91", "", "2, 5, 90")]
    [InlineData("2, 3, 4, 5, 6", "3, 5", "2, 4, 6")]
    [InlineData("2, 3, 4, 5, 6, 7, 8", "2, 6, 7", "3, 4, 5")]
    [InlineData("9223372036854775805, 9223372036854775806, 9223372036854775807", "", "9223372036854775805, 9223372036854775806, 9223372036854775807")]
    [InlineData("2, 9223372036854775806, 9223372036854775807", "9223372036854775806", "2, 9223372036854775807")]
    public async Task ABatch_IsOfWhatNobodyHas_WhateverLiesBetween(string ids, string held, string taken)
    {
        await NewQueueAsync();
        await using NpgsqlConnection holder = await OpenAsync(), taker = await OpenAsync();
        await ExecuteAsync(holder, $"INSERT INTO tpq_orders (id, data) SELECT id, '0' FROM unnest('{{{ids}}}'::bigint[]) id");
        await ExecuteAsync(holder, $"BEGIN; SELECT FROM tpq_orders WHERE id = ANY ('{{{held}}}') FOR UPDATE");
        // Whoever waits for a row of the holder's fails.
        await ExecuteAsync(taker, $"SET lock_timeout = '5s'; PREPARE take_many (bigint, int) AS {Client.State("orders").Sql.TakeMany.For(3)}");
        var found = new List<long>();
        await using var take = new NpgsqlCommand("EXECUTE take_many (1, 3)", taker);
        await using (NpgsqlDataReader reader = await take.ExecuteReaderAsync(Token))
        {
            while (await reader.ReadAsync(Token))
                found.Add(reader.GetInt64(0));
        }
        Assert.Equal(taken, string.Join(", ", found.Order()));
    }

    /// <summary>An UPDATE that commits between a take's look and its lock: the row is taken as it is then. Nothing is taken twice, or is left behind.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public async Task RowsThatSomebodyUpdatesMeanwhile_AreTakenAllTheSame(int gap)
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"INSERT INTO \"{Schema}\".tpq_orders (id, data) SELECT {gap} * n, to_json(n) FROM generate_series(1, 20000) n");
        using var drained = new CancellationTokenSource();
        int updates = 0;
        var updater = Task.Run(async () =>
        {
            await using NpgsqlConnection connection = await OpenAsync();
            for (; !drained.IsCancellationRequested; updates++)
                await ExecuteAsync(connection, "UPDATE tpq_orders SET attempts = attempts + 1 WHERE id IN (SELECT id FROM tpq_orders ORDER BY id OFFSET 150 LIMIT 200 FOR UPDATE SKIP LOCKED)");
        }, Token);
        await EventuallyAsync(() => Task.FromResult(updates > 0 || updater.IsCompleted), "rows are updated");
        var taken = new List<string>();
        while (await queue.GetManyAsync(100, cancellationToken: Token) is { } batch)
        {
            await using var _ = batch;
            taken.AddRange(batch.Select(m => m.Json));
            await batch.CommitAsync(Token);
        }
        await drained.CancelAsync();
        await updater;
        taken.AddRange(await DrainAsync(queue));
        Assert.Equal(Enumerable.Range(1, 20_000), taken.Select(int.Parse).Order());
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
