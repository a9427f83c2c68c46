using Microsoft.EntityFrameworkCore;
using Npgsql;
using Tpq.Docs.Tests.Fixtures;
using static Tpq.Docs.Tests.Fixtures.Prelude;

namespace Tpq.Docs.Tests;

/// <summary>The C# examples are run, each in the schema of the run, on the queue and the tables that they name.</summary>
[Collection(nameof(Prelude))]
public sealed class ExampleTests(Server server) : IAsyncLifetime
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>What stands in the examples of README.md, one for each of them in their order; each is run by a test below.</summary>
    static readonly string[] Run = ["ConsumeAsync", "In(transaction)", "Queues.GetAsync"];

    readonly CancellationTokenSource _stop = new(Patience);

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        connectionString = server.KeywordsOf(server.Schema);
        dataSource = NpgsqlDataSource.Create(connectionString);
        tpq = new TpqClient(dataSource);
        orders = tpq.Queue("orders");
        options = new DbContextOptionsBuilder<ShopContext>().UseNpgsql(dataSource).UseTpq().Options;
        context = new ShopContext(options);
        stop = _stop.Token;
        await orders.CreateAsync();
        await server.ExecuteAsync(
            $"CREATE TABLE {server.Schema}.shipments (order_id bigint PRIMARY KEY); CREATE TABLE {server.Schema}.purchases (id bigint PRIMARY KEY, item text); CREATE TABLE {server.Schema}.labels (data bytea)");
    }

    public async ValueTask DisposeAsync()
    {
        _stop.Dispose();
        await context.DisposeAsync();
        await orders.DropAsync();
        await tpq.DisposeAsync();
        await dataSource.DisposeAsync();
        await server.ExecuteAsync(
            $"""
            SET search_path TO {server.Schema};
            DROP TABLE shipments, purchases, labels;
            DROP FUNCTION IF EXISTS refuse;
            DROP SEQUENCE IF EXISTS tries;
            """);
    }

    [Fact]
    public void EveryExampleOfReadme_IsRunHere() =>
        Assert.Equal(Run, Block.Of("README.md", "csharp").Select(b => Array.Find(Run, r => b.Text.Contains(r, StringComparison.Ordinal))));

    [Theory]
    [InlineData("README.md", 1)]
    [InlineData("src/Tpq/README.md", 2)]
    public async Task Consume_CommitsMessageAndWritesTogether_OrNeither(string page, int left)
    {
        // The removal of order 8 is refused at COMMIT, also to be kept for later; the example of the package puts one behind it.
        await server.ExecuteAsync(
            $"""
            SET search_path TO {server.Schema};
            CREATE SEQUENCE tries;
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('tries'); RAISE 'refused'; END $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER DELETE ON tpq_orders DEFERRABLE INITIALLY DEFERRED
              FOR EACH ROW WHEN (old.data->>'Id' = '8') EXECUTE FUNCTION refuse();
            """);
        await orders.PutManyAsync(["""{"Id": 6, "Item": "tea"}""", """{"Id": 7, "Item": "tea"}""", """{"Id": 8, "Item": "tea"}"""], Token);
        Task run = Snippet.RunAsync(Block.With(page, "csharp", "ConsumeAsync"));
        await run.UntilAsync(() => ScalarAsync<bool>("SELECT is_called FROM tries"), stop);
        await _stop.CancelAsync();
        await run.WaitAsync(Patience, Token);
        Assert.Equal("6,7", await ScalarAsync<string>("SELECT string_agg(order_id::text, ',' ORDER BY order_id) FROM shipments"));
        Assert.Equal(left, await orders.CountAsync(Token));
    }

    [Theory]
    [InlineData("ConsumeBatchesAsync", "shipments")]
    [InlineData("ConsumeLeasedAsync", "labels")]
    public async Task BatchesAndLeases_AreHandled_WithWhatTheHandlerWrote(string snippet, string table)
    {
        await orders.PutManyAsync(["""{"Id": 6, "Item": "tea"}""", """{"Id": 7, "Item": "tea"}"""], Token);
        Task run = Snippet.RunAsync(Block.With("docs/delivery.md", "csharp", snippet));
        await run.UntilAsync(async () => await CountAsync(table) >= 2, stop);
        await _stop.CancelAsync();
        await run.WaitAsync(Patience, Token);
        Assert.Equal((2L, 0L, 0L), (await CountAsync(table), await orders.CountAsync(Token), await CountAsync("tpq_orders_later")));
    }

    [Fact]
    public async Task Put_CommitsWithTheCallersOrder()
    {
        await Snippet.RunAsync(Block.With("README.md", "csharp", "In(transaction)"));
        Assert.Equal(1, await CountAsync("purchases"));
        await using TpqDelivery? delivery = await orders.GetAsync(cancellationToken: Token);
        Assert.Equal(new Order(7, "tea"), delivery!.Message.Deserialize(AppJson.Default.Order));
        // Again it fails on the primary key, and there is no message either.
        await Assert.ThrowsAsync<PostgresException>(() => Snippet.RunAsync(Block.With("README.md", "csharp", "In(transaction)")));
        Assert.Equal(1, await orders.CountAsync(Token));
    }

    [Fact]
    public async Task Shortcuts_PutAndGet()
    {
        await orders.PutAsync("1", Token);
        await Snippet.RunAsync(Block.With("README.md", "csharp", "Queues.GetAsync"));
        TpqPeeked left = Assert.Single(await orders.PeekAsync(2, Token));
        Assert.Equal("""{"Id": 7, "Item": "tea"}""", left.Message.Json);
    }

    [Theory]
    [InlineData("AddWithValue(7L)")]
    [InlineData("connection.ExecuteAsync")]
    [InlineData("UseTransactionAsync")]
    public async Task WhatAHandlerWrites_ByWhicheverLibrary_IsPartOfTheMessage(string library)
    {
        Block block = Block.With("docs/delivery.md", "csharp", library);
        await orders.PutAsync("""{"Id": 7, "Item": "tea"}""", Token);
        foreach (int expected in (int[])[0, 1])
        {
            await using (d = (await orders.GetAsync(cancellationToken: Token))!)
            {
                await Snippet.RunAsync(block);
                Assert.Equal(0, await CountAsync("shipments"));
                if (expected == 1)
                    await d.CommitAsync(Token);
            }
            Assert.Equal(expected, await CountAsync("shipments"));
            Assert.Equal(1 - expected, await orders.CountAsync(Token));
            await context.DisposeAsync();
            context = new ShopContext(options);
        }
    }

    [Theory]
    [InlineData("context.PutOnSave(orders, new TpqPut(\"\"\"{\"Id\": 7, \"Item\": \"tea\"}\"\"\"));\nawait context.SaveChangesAsync();", 7)]
    [InlineData("orders.In(context)", 8)]
    [InlineData("orders.In((NpgsqlTransaction)transaction.GetDbTransaction())", 9)]
    [InlineData("ExecuteInTransactionAsync", 7)]
    public async Task RowAndMessage_ByWhicheverWay_AreThereTogether(string way, long id)
    {
        await Snippet.RunAsync(Block.With("docs/efcore.md", "csharp", way));
        Assert.Equal(id, await ScalarAsync<long>("SELECT id FROM purchases"));
        await using TpqDelivery? delivery = await orders.GetAsync(cancellationToken: Token);
        Assert.Equal(new Order(id, "tea"), delivery!.Message.Deserialize(AppJson.Default.Order));
    }

    [Fact]
    public async Task JoinedHandler_CommitsItsRowWithTheMessage()
    {
        await orders.PutAsync("""{"Id": 7, "Item": "tea"}""", Token);
        Task run = Snippet.RunAsync(Block.With("docs/efcore.md", "csharp", "JoinAsync"));
        await run.UntilAsync(async () => await CountAsync("shipments") > 0, stop);
        await _stop.CancelAsync();
        await run.WaitAsync(Patience, Token);
        Assert.Equal((7L, 0L), (await ScalarAsync<long>("SELECT order_id FROM shipments"), await orders.CountAsync(Token)));
    }

    static Task<long> CountAsync(string table) => ScalarAsync<long>($"SELECT count(*) FROM {table}");

    static async Task<T> ScalarAsync<T>(string sql)
    {
        await using NpgsqlCommand command = dataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Token))!;
    }
}
