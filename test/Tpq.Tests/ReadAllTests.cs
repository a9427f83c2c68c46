using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>A sequential reader, whose commit carries the next take.</summary>
public sealed class ReadAllTests(Server server) : DatabaseTest(server)
{
    /// <summary>Of its uses a client prepares what it sends after so many.</summary>
    const int Unprepared = 6;

    [Fact]
    public async Task ACommit_CarriesTheNextTake_OnTheSameConnection()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await using IAsyncEnumerator<TpqDelivery> reader = Read();
        Assert.True(await reader.MoveNextAsync());
        int process = reader.Current.Connection.ProcessID;
        await reader.Current.CommitAsync(Token);
        // The next one is in hand before it is asked for.
        await EventuallyAsync(async () => (await queue.PeekAsync(cancellationToken: Token))[0].Taken, "the next is taken");
        Assert.Throws<InvalidOperationException>(() => reader.Current.Transaction);
        Assert.True(await reader.MoveNextAsync());
        Assert.Equal(("2", process), (reader.Current.Message.Json, reader.Current.Connection.ProcessID));
        await using var write = new NpgsqlCommand($"CREATE TABLE \"{Schema}\".written ()", reader.Current.Connection, reader.Current.Transaction);
        await write.ExecuteNonQueryAsync(Token);
        await reader.Current.DisposeAsync();
        Assert.False(await ScalarAsync<bool>("SELECT to_regclass('written') IS NOT NULL"));
        Assert.True(await reader.MoveNextAsync());
        Assert.Equal("2", reader.Current.Message.Json);
    }

    [Fact]
    public async Task LeavingTheLoop_GivesBackWhatTheLastCommitTookAlong()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await foreach (TpqDelivery delivery in queue.ReadAllAsync(Token))
        {
            await delivery.CommitAsync(Token);
            break;
        }
        Assert.False((await queue.PeekAsync(cancellationToken: Token))[0].Taken);
        Assert.Equal(["2"], await DrainAsync(queue));
    }

    [Fact]
    public async Task ACommit_IsDone_BeforeTheTakeThatWaitsForALock()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await using IAsyncEnumerator<TpqDelivery> reader = Read();
        Assert.True(await reader.MoveNextAsync());
        await using NpgsqlConnection locking = await OpenAsync();
        // It waits for the message in hand, and the next take waits behind it.
        Task locked = ExecuteAsync(locking, "BEGIN; LOCK TABLE tpq_orders IN ACCESS EXCLUSIVE MODE");
        await EventuallyAsync(() => ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'tpq_orders'::regclass AND NOT granted)"), "the lock is waited for");
        Task commit = reader.Current.CommitAsync(Token);
        // The lock is there once the message has let go of the table.
        await locked;
        Assert.Equal(1, await ScalarAsync<long>(locking, "SELECT count(*) FROM tpq_orders"));
        Assert.False(commit.IsCompleted);
        await ExecuteAsync(locking, "COMMIT");
        await commit;
        Assert.True(await reader.MoveNextAsync());
        Assert.Equal("2", reader.Current.Message.Json);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Unprepared)]
    public async Task ACommitThatFails_Throws_AndTakesNothingAlong(int commitsBefore)
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync([.. Enumerable.Repeat("0", commitsBefore), "1", "2"], Token);
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".parent (id int PRIMARY KEY); CREATE TABLE \"{Schema}\".child (id int REFERENCES \"{Schema}\".parent DEFERRABLE INITIALLY DEFERRED)");
        await using IAsyncEnumerator<TpqDelivery> reader = Read();
        for (int i = 0; i < commitsBefore; i++)
        {
            Assert.True(await reader.MoveNextAsync());
            await reader.Current.CommitAsync(Token);
        }
        foreach (string statement in (string[])[$"INSERT INTO \"{Schema}\".child VALUES (1)", "SELECT 1 / 0"])
        {
            Assert.True(await reader.MoveNextAsync());
            Assert.Equal("1", reader.Current.Message.Json);
            await using var command = new NpgsqlCommand(statement, reader.Current.Connection);
            if (statement.StartsWith("INSERT", StringComparison.Ordinal))
            {
                await command.ExecuteNonQueryAsync(Token);
                var error = await Assert.ThrowsAsync<PostgresException>(() => reader.Current.CommitAsync(Token));
                Assert.Equal(PostgresErrorCodes.ForeignKeyViolation, error.SqlState);
            }
            else
            {
                await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(Token));
                Assert.Contains("a statement in it failed", (await Assert.ThrowsAsync<TpqException>(() => reader.Current.CommitAsync(Token))).Message, StringComparison.Ordinal);
            }
            Assert.All(await queue.PeekAsync(2, Token), p => Assert.False(p.Taken));
        }
        Assert.True(await reader.MoveNextAsync());
        Assert.Equal("1", reader.Current.Message.Json);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(Unprepared)]
    public async Task TheSavepointThatComesAlong_UndoesTheHandler_AndKeepsTheMessage(int commitsBefore)
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync([.. Enumerable.Repeat("0", commitsBefore), "1"], Token);
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".written (id int PRIMARY KEY)");
        await using IAsyncEnumerator<TpqDelivery> reader = Read();
        for (int i = 0; i < commitsBefore; i++)
        {
            Assert.True(await reader.MoveNextAsync());
            await ExecuteAsync(reader.Current.Connection, $"INSERT INTO \"{Schema}\".written VALUES ({i})");
            await reader.Current.CommitAsync(Token);
        }
        Assert.True(await reader.MoveNextAsync());
        await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(reader.Current.Connection, $"INSERT INTO \"{Schema}\".written VALUES (100), (0)"));
        await reader.Current.RetryAsync(TimeSpan.FromHours(1), cancellationToken: Token);
        Assert.Equal(commitsBefore, await ScalarAsync<long>("SELECT count(*) FROM written"));
        Assert.Equal(1, await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later WHERE attempts = 1"));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task AHandler_MayUndoWhatIsPreparedOnTheConnection()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(Enumerable.Range(1, 2 * Unprepared).Select(i => $"{i}"), Token);
        await using IAsyncEnumerator<TpqDelivery> reader = Read();
        NpgsqlConnection? connection = null;
        for (int i = 1; i <= 2 * Unprepared; i++)
        {
            Assert.True(await reader.MoveNextAsync());
            Assert.Equal($"{i}", reader.Current.Message.Json);
            // Another one would say that the take that came along had failed.
            Assert.Same(connection ??= reader.Current.Connection, reader.Current.Connection);
            connection.UnprepareAll();
            await reader.Current.CommitAsync(Token);
        }
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task AHandlersReadOnly_IsNotTheNextMessages()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await using IAsyncEnumerator<TpqDelivery> reader = Read();
        for (int i = 1; i <= 3; i++)
        {
            Assert.True(await reader.MoveNextAsync());
            Assert.Equal($"{i}", reader.Current.Message.Json);
            Assert.Equal("off", await ScalarAsync<string>(reader.Current.Connection, "SHOW transaction_read_only"));
            await ExecuteAsync(reader.Current.Connection, "SET TRANSACTION READ ONLY");
            await reader.Current.CommitAsync(Token);
        }
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task ATakeThatFails_IsNotTheCommitsFault()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await using IAsyncEnumerator<TpqDelivery> reader = Read();
        Assert.True(await reader.MoveNextAsync());
        await using (var drop = new NpgsqlCommand($"DROP TABLE \"{Schema}\".tpq_orders", reader.Current.Connection, reader.Current.Transaction))
            await drop.ExecuteNonQueryAsync(Token);
        await reader.Current.CommitAsync(Token);
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(async () => await reader.MoveNextAsync());
    }

    [Fact]
    public async Task ATakeWhoseSessionIsEnded_LeavesTheCommitASuccess()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await using IAsyncEnumerator<TpqDelivery> reader = Read();
        Assert.True(await reader.MoveNextAsync());
        int session = reader.Current.Connection.ProcessID;
        await using NpgsqlConnection locking = await OpenAsync();
        Task locked = ExecuteAsync(locking, "BEGIN; LOCK TABLE tpq_orders IN ACCESS EXCLUSIVE MODE");
        await EventuallyAsync(() => ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'tpq_orders'::regclass AND NOT granted)"), "the lock is waited for");
        Task commit = reader.Current.CommitAsync(Token);
        await locked;
        await EventuallyAsync(() => ScalarAsync<bool>($"SELECT EXISTS (SELECT FROM pg_locks WHERE pid = {session} AND NOT granted)"), "the take waits");
        Assert.True(await ScalarAsync<bool>($"SELECT pg_terminate_backend({session})"));
        await commit;
        await ExecuteAsync(locking, "COMMIT");
        Assert.True(await reader.MoveNextAsync());
        Assert.Equal("2", reader.Current.Message.Json);
    }

    [Fact]
    public async Task AMessageThatComesAlong_IsGivenBack_WhenTheReaderIsStopped()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (TpqDelivery delivery in queue.ReadAllAsync(stop.Token))
            {
                await delivery.CommitAsync(Token);
                await stop.CancelAsync();
            }
        });
        Assert.False((await queue.PeekAsync(cancellationToken: Token))[0].Taken);
        Assert.Equal(["2"], await DrainAsync(queue));
    }

    /// <summary>Whose every commit carries the next take: a sweep, which none carries, is not due while the clock stands still.</summary>
    async IAsyncEnumerator<TpqDelivery> Read()
    {
        await using TpqClient client = NewClient(time: new StoppedTime());
        await foreach (TpqDelivery delivery in client.Queue("orders").ReadAllAsync(Token))
            yield return delivery;
    }
}
