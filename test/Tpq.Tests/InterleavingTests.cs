using Npgsql;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Two sessions, step by step.</summary>
public sealed class InterleavingTests(Server server) : DatabaseTest(server)
{
    Sql Sql => Client.State("orders").Sql;

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
        await ExecuteAsync(taker,
            $"""
            SET lock_timeout = '5s';
            PREPARE take_many (bigint, int) AS {Sql.TakeMany.For(3)};
            PREPARE take_many_carefully (bigint, int, bigint[]) AS {Sql.TakeManyCarefully.For(3)};
            PREPARE lease (bigint, int, bigint[], interval, uuid) AS {Sql.Lease.For(3)};
            """);
        string[] takes =
        [
            "take_many (1, 3)", "take_many_carefully (1, 3, '{}')", $"take_many_carefully (1, 3, '{{{ids}}}')",
            $"lease (1, 3, '{{}}', '1 minute', '{Guid.Empty}')", $"lease (1, 3, '{{{ids}}}', '1 minute', '{Guid.Empty}')",
        ];
        foreach (string take in takes)
        {
            await ExecuteAsync(taker, "BEGIN");
            Assert.Equal($"{take}: {taken}", $"{take}: {string.Join(", ", (await TakeAsync(taker, take)).Select(f => f.Id))}");
            await ExecuteAsync(taker, "ROLLBACK");
        }
    }

    /// <summary>An UPDATE that commits between a take's look and its lock: the row is taken, as it is then.</summary>
    [Theory]
    [InlineData("2, 3, 4, 5", "2, 3, 4")]
    [InlineData("2, 3, 8, 9", "2, 3, 8")]
    public async Task ARowThatSomebodyUpdatesMeanwhile_IsTakenAllTheSame(string ids, string taken)
    {
        await NewQueueAsync();
        await using NpgsqlConnection updater = await OpenAsync(), taker = await OpenAsync();
        await ExecuteAsync(updater,
            $"""
            INSERT INTO tpq_orders (id, data) SELECT id, '"old"' FROM unnest(ARRAY[{ids}]) id;
            CREATE FUNCTION pass(id bigint) RETURNS bool LANGUAGE plpgsql AS 'BEGIN
                IF id = 2 THEN PERFORM pg_advisory_xact_lock_shared(hashtext(current_schema)); END IF;
                RETURN true; END';
            SELECT pg_advisory_lock(hashtext(current_schema));
            """);
        // The scan waits at its first row, and has not come to the second.
        string take = Sql.TakeMany.For(3).Replace("q.id > $1", "q.id > $1 AND pass(q.id)", StringComparison.Ordinal);
        await ExecuteAsync(taker, $"PREPARE take_many (bigint, int) AS {take}");
        Task<List<(long Id, string Json)>> found = TakeAsync(taker, "take_many (1, 3)");
        await EventuallyAsync(() => ScalarAsync<bool>($"SELECT wait_event = 'advisory' FROM pg_stat_activity WHERE pid = {taker.ProcessID}"), "the scan waits");
        await ExecuteAsync(updater, "UPDATE tpq_orders SET data = '\"new\"' WHERE id = 3");
        await ExecuteAsync(updater, "SELECT pg_advisory_unlock(hashtext(current_schema))");
        Assert.Equal(taken, string.Join(", ", (await found).Select(f => f.Id)));
        Assert.Equal("\"new\"", (await found)[1].Json);
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

    /// <summary>Runs a take of three that was prepared, in the order of the ids.</summary>
    static async Task<List<(long Id, string Json)>> TakeAsync(NpgsqlConnection connection, string statement)
    {
        var found = new List<(long Id, string Json)>();
        await using var take = new NpgsqlCommand($"EXECUTE {statement}", connection);
        await using NpgsqlDataReader reader = await take.ExecuteReaderAsync(Token);
        while (await reader.ReadAsync(Token))
            found.Add((reader.GetInt64(0), reader.GetString(1)));
        found.Sort();
        return found;
    }
}
