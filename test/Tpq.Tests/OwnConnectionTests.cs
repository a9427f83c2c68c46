using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>The connection that is kept after a put or a get: time passes only where a test says so.</summary>
public sealed class OwnConnectionTests(Server server) : DatabaseTest(server)
{
    readonly FakeTimeProvider _time = new();

    /// <summary>Though others are idle for longer. One that is always used goes back too, so that those who wait have their turn at it.</summary>
    [Theory]
    [InlineData(0, 1)]
    [InlineData(9, 2)]
    public async Task APut_HasTheConnectionOfTheOneBefore_UntilASecondHasPassed(int millisecondsBetween, int sessions)
    {
        await using TpqClient client = NewClient(time: _time);
        TpqQueue queue = await NewQueueThatNotesSessionsAsync(client);
        for (int n = 0; n < 120; n++)
        {
            await queue.PutAsync("1", Token);
            _time.Advance(TimeSpan.FromMilliseconds(millisecondsBetween));
        }
        Assert.Equal(sessions, await ScalarAsync<long>("SELECT count(DISTINCT pid) FROM sessions"));
    }

    /// <summary>A handler may have left something in the session, and may have the connection still.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AGet_HasTheConnectionOfTheOneBefore_UnlessAHandlerHasHadIt(bool isLent)
    {
        await using TpqClient client = NewClient(time: _time);
        TpqQueue queue = await NewQueueThatNotesSessionsAsync(client);
        await queue.PutManyAsync(["1", "2", "3", "4"], Token);
        await ExecuteAsync($"TRUNCATE \"{Schema}\".sessions");
        for (int n = 0; n < 4; n++)
        {
            await using TpqDelivery? delivery = await queue.GetAsync(cancellationToken: Token);
            if (isLent)
                Assert.Equal(1, await ScalarAsync<int>(delivery!.Connection, "SELECT 1"));
            await delivery!.CommitAsync(Token);
        }
        Assert.Equal(isLent, await ScalarAsync<long>("SELECT count(DISTINCT pid) FROM sessions") > 1);
    }

    /// <summary>
    /// Though its handler has had it. Where a look back is due the next take is not made with the commit, and yet on the same connection, if the pool has ten; which goes back for
    /// others when it has been out for a second.
    /// </summary>
    [Theory]
    [InlineData("singly", false, 0, 1)]
    [InlineData("singly", true, 0, 1)]
    [InlineData("singly", true, 0, 3, 9)]
    [InlineData("singly", false, 600, 2)]
    [InlineData("in batches", false, 0, 1)]
    [InlineData("in batches", true, 0, 1)]
    [InlineData("in batches", true, 0, 3, 9)]
    [InlineData("in batches", false, 600, 2)]
    public async Task AConsumer_GoesOnWithItsConnection_ForASecond(string how, bool looksBack, int millisecondsBetween, int sessions, int poolSize = 100)
    {
        await using TpqClient client = NewClient($"Maximum Pool Size={poolSize}", time: _time);
        TpqQueue queue = await NewQueueThatNotesSessionsAsync(client);
        await queue.PutManyAsync(Enumerable.Range(1, 12).Select(n => $"{n}"), Token);
        await ExecuteAsync($"TRUNCATE \"{Schema}\".sessions");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var seen = new List<string>();
        await (how == "singly"
            ? queue.ConsumeAsync((delivery, _) => HandleAsync(delivery.Connection, delivery.Message.Json), null, stop.Token)
            : queue.ConsumeBatchesAsync(4, (batch, _) => HandleAsync(batch.Connection, $"{batch[0].Json}-{batch[^1].Json}"), null, stop.Token));
        Assert.Equal(how == "singly" ? ["1", "2", "3"] : ["1-4", "5-8", "9-12"], seen);
        Assert.Equal(sessions, await ScalarAsync<long>("SELECT count(DISTINCT pid) FROM sessions"));

        async Task HandleAsync(NpgsqlConnection connection, string json)
        {
            Assert.Equal(1, await ScalarAsync<int>(connection, "SELECT 1"));
            seen.Add(json);
            _time.Advance(TimeSpan.FromMilliseconds(millisecondsBetween));
            if (looksBack)
                client.State("orders").Head.LookBackToFront();
            if (seen.Count == 3)
                await stop.CancelAsync();
        }
    }

    [Fact]
    public async Task AnUnusedConnection_GoesBack()
    {
        await using TpqClient client = NewClient("Maximum Pool Size=10", time: _time);
        await FillPoolAsync(client, 10);
        await PutAsync(client);
        await using var opened = new Opened();
        for (int n = 0; n < 9; n++)
            await opened.AddAsync(client.DataSource);
        Task tenth = opened.AddAsync(client.DataSource);
        Assert.False(tenth.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(10));
        Assert.False(tenth.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(10));
        await Soon(tenth);
    }

    [Fact]
    public async Task ASmallPool_HasNoneToSpare()
    {
        await using TpqClient client = NewClient("Maximum Pool Size=9", time: _time);
        await PutAsync(client);
        await using var all = new Opened();
        for (int n = 0; n < 9; n++)
            await Soon(all.AddAsync(client.DataSource));
    }

    [Fact]
    public async Task ADisposedClient_KeepsNone()
    {
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create($"{Server.KeywordsOf(Server.Url)};Search Path=\"{Schema}\";Maximum Pool Size=10");
        await using (var client = new TpqClient(dataSource, new TpqClientOptions { TimeProvider = _time }))
            await PutAsync(client);
        await using var all = new Opened();
        for (int n = 0; n < 10; n++)
            await Soon(all.AddAsync(dataSource));
    }

    [Fact]
    public async Task AfterAPutThatTheServerHasRefused_TheNextOneSucceeds()
    {
        await using TpqClient client = NewClient(time: _time);
        TpqQueue queue = await PutAsync(client);
        await ExecuteAsync($"ALTER TABLE \"{Schema}\".tpq_orders ADD CHECK (data::text <> '0')");
        await Assert.ThrowsAsync<PostgresException>(() => queue.PutAsync("0", Token));
        await queue.PutAsync("2", Token);
        Assert.Equal(["1", "2"], await DrainAsync(queue));
    }

    static async Task<TpqQueue> PutAsync(TpqClient client)
    {
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        await queue.PutAsync("1", Token);
        return queue;
    }

    async Task<TpqQueue> NewQueueThatNotesSessionsAsync(TpqClient client)
    {
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        await ExecuteAsync(
            $"""
            CREATE TABLE "{Schema}".sessions (pid int);
            CREATE FUNCTION "{Schema}".note() RETURNS trigger LANGUAGE plpgsql
              AS 'BEGIN INSERT INTO "{Schema}".sessions VALUES (pg_backend_pid()); RETURN coalesce(NEW, OLD); END';
            CREATE TRIGGER note BEFORE INSERT OR DELETE ON "{Schema}".tpq_orders FOR EACH ROW EXECUTE FUNCTION "{Schema}".note();
            """);
        await FillPoolAsync(client, Math.Min(20, client.MaxPoolSize));
        return queue;
    }

    /// <summary>With connections that are idle then: a pool gives one of those without a wait.</summary>
    static async Task FillPoolAsync(TpqClient client, int connections)
    {
        await using var opened = new Opened();
        for (int n = 0; n < connections; n++)
            await opened.AddAsync(client.DataSource);
    }

    static Task Soon(Task task) => task.WaitAsync(TimeSpan.FromSeconds(30), Token);

    /// <summary>Connections of a pool, until it is disposed.</summary>
    sealed class Opened : IAsyncDisposable
    {
        readonly List<NpgsqlConnection> _connections = [];

        public async Task AddAsync(NpgsqlDataSource dataSource) => _connections.Add(await dataSource.OpenConnectionAsync(Token));

        public async ValueTask DisposeAsync()
        {
            foreach (NpgsqlConnection connection in _connections)
                await connection.DisposeAsync();
        }
    }
}
