using Npgsql;
using Tpq.Docs.Tests.Fixtures;
using static Tpq.Docs.Tests.Fixtures.Prelude;

namespace Tpq.Docs.Tests;

/// <summary>docs/moving.md: what it shows of tpq is run, in the order of the page; what it shows of others is compiled with them.</summary>
[Collection(nameof(Prelude))]
public sealed class MovingPageTests(Server server) : IAsyncLifetime
{
    public const string Page = "docs/moving.md";

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    readonly string _schema = $"tpq_docs_{Guid.NewGuid():N}";
    readonly CancellationTokenSource _stop = new(Patience);

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string> OfOthers => [.. Block.All("csharp before").Select(b => b.ToString())];

    public async ValueTask InitializeAsync()
    {
        await server.ExecuteAsync(
            $"""
            CREATE SCHEMA {_schema};
            CREATE TABLE {_schema}.purchases (id bigint PRIMARY KEY, item text);
            CREATE TABLE {_schema}.shipments (order_id bigint PRIMARY KEY CHECK (order_id <> 7));
            """);
        dataSource = NpgsqlDataSource.Create(server.KeywordsOf(_schema));
        tpq = new TpqClient(dataSource);
        orders = tpq.Queue("orders");
        stop = _stop.Token;
    }

    public async ValueTask DisposeAsync()
    {
        _stop.Dispose();
        await tpq.DisposeAsync();
        await dataSource.DisposeAsync();
        await server.ExecuteAsync($"DROP SCHEMA {_schema} CASCADE");
    }

    /// <summary>The mark is what lends it the other library, and nothing else does: without it, it is compiled as any example, and found.</summary>
    [Theory]
    [MemberData(nameof(OfOthers))]
    public void AnExampleOfAnotherLibrary_Compiles_AndWouldBeFoundWithoutItsMark(string place)
    {
        Block block = Block.All("csharp before").Single(b => b.ToString() == place);
        Assert.Equal([], Snippet.Errors(block, Others.For(block)));
        Assert.NotEmpty(Snippet.Errors(block));
    }

    [Fact]
    public async Task TheProgram_Puts_Retries_BuriesAndRedrives()
    {
        foreach (string part in (string[])["orders.CreateAsync()", "In(transaction)"])
            await Snippet.RunAsync(Block.With(Page, "csharp", part));
        Assert.Equal(1, await ScalarAsync<long>("SELECT count(*) FROM purchases"));
        Assert.Equal(1, await ScalarAsync<long>("SELECT count(*) FROM tpq_reminders_later WHERE due_at > now() + interval '1 hour'"));

        // Four deliveries have failed already; the table refuses the fifth.
        await server.ExecuteAsync($"UPDATE {_schema}.tpq_orders SET attempts = 4");
        Task run = Snippet.RunAsync(Block.With(Page, "csharp", "ConsumeAsync"));
        await run.UntilAsync(() => tpq.Queue("orders_dead").ExistsAsync(Token), stop);
        await run.UntilAsync(async () => await tpq.Queue("orders_dead").CountAsync(Token) > 0, stop);

        await server.ExecuteAsync($"ALTER TABLE {_schema}.shipments DROP CONSTRAINT shipments_order_id_check");
        await Snippet.RunAsync(Block.With(Page, "csharp", "dead.MoveToAsync"));
        await run.UntilAsync(async () => await ScalarAsync<long>("SELECT count(*) FROM shipments") > 0, stop);
        await _stop.CancelAsync();
        await run.WaitAsync(Patience, Token);
        Assert.Equal(7, await ScalarAsync<long>("SELECT order_id FROM shipments"));
        Assert.Equal((0L, 0L), (await orders.CountAsync(Token), await tpq.Queue("orders_dead").CountAsync(Token)));
    }

    [Fact]
    public async Task TheScriptForPgmq_MovesWhatNobodyHas()
    {
        await orders.CreateAsync(cancellationToken: Token);
        // The columns of a queue of PGMQ's, in a schema of the test's.
        string script = Assert.Single(Block.Of(Page, "sql")).Text.Replace("pgmq.", $"{_schema}.", StringComparison.Ordinal);
        await ExecuteAsync(
            """
            CREATE TABLE q_orders (
              msg_id bigint PRIMARY KEY, read_ct int NOT NULL, enqueued_at timestamptz NOT NULL DEFAULT '2020-01-01', vt timestamptz NOT NULL, message jsonb, headers jsonb);
            INSERT INTO q_orders (msg_id, read_ct, vt, message, headers) VALUES
              (3, 0, now(), '{"Id": 3}', '{"a": "b", "n": 1}'), (2, 7, now() - interval '1 hour', '{"Id": 2}', NULL), (4, 0, now(), NULL, NULL),
              (5, 0, now() + interval '1 hour', '{"Id": 5}', NULL), (6, 1, now() + interval '1 hour', '{"Id": 6}', NULL);
            """);
        await ExecuteAsync(script);
        Assert.Equal(6, await ScalarAsync<long>("SELECT msg_id FROM q_orders"));
        Assert.Equal(1, await ScalarAsync<long>("""SELECT count(*) FROM tpq_orders_later WHERE data::text = '{"Id": 5}' AND due_at > now() + interval '59 minutes'"""));

        await ExecuteAsync("UPDATE q_orders SET vt = now()");
        await ExecuteAsync(script);
        Assert.Equal(0, await ScalarAsync<long>("SELECT count(*) FROM q_orders"));
        await using TpqBatch? batch = await orders.GetManyAsync(10, cancellationToken: Token);
        Assert.Equal(["""{"Id": 2}""", """{"Id": 3}""", "null", """{"Id": 6}"""], batch!.Select(m => m.Json));
        Assert.All(batch!, m => Assert.Equal((0, 2020), (m.Attempts, m.EnqueuedAt!.Value.UtcDateTime.AddDays(1).Year)));
        Assert.Equal(["b", "1"], batch![1].Headers.Values);
    }

    static async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = dataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Token);
    }

    static async Task<T> ScalarAsync<T>(string sql)
    {
        await using NpgsqlCommand command = dataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Token))!;
    }
}
