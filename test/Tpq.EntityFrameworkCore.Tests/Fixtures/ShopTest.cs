using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql.EntityFrameworkCore.PostgreSQL.Infrastructure;
using Tpq.Tests.Fixtures;

namespace Tpq.EntityFrameworkCore.Tests.Fixtures;

/// <summary>A test with a table of purchases, which refuses the item "refused" at COMMIT, and a queue of orders.</summary>
public abstract class ShopTest(Server server) : DatabaseTest(server)
{
    protected TpqQueue Orders { get; private set; } = null!;

    protected string ConnectionString => $"{Server.KeywordsOf(Server.Url)};Search Path=\"{Schema}\"";

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Orders = await NewQueueAsync();
        await ExecuteAsync(
            $"""
            SET search_path TO "{Schema}";
            CREATE TABLE purchases (id bigint PRIMARY KEY, item text NOT NULL);
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON purchases DEFERRABLE INITIALLY DEFERRED
              FOR EACH ROW WHEN (new.item = 'refused') EXECUTE FUNCTION refuse();
            RESET search_path;
            """);
    }

    protected DbContextOptions<ShopContext> Options(Action<NpgsqlDbContextOptionsBuilder>? npgsql = null, params IInterceptor[] interceptors) =>
        new DbContextOptionsBuilder<ShopContext>().UseNpgsql(ConnectionString, npgsql).UseTpq().AddInterceptors(interceptors).Options;

    protected ShopContext NewContext(params IInterceptor[] interceptors) => new(Options(null, interceptors));

    protected ShopContext NewRetryingContext(params IInterceptor[] interceptors) => new(Options(Retries, interceptors));

    protected static void Retries(NpgsqlDbContextOptionsBuilder npgsql) => npgsql.EnableRetryOnFailure(3, TimeSpan.FromMilliseconds(20), null);

    /// <summary>A purchase and its message.</summary>
    protected void Buy(ShopContext context, long id, string item = "tea")
    {
        context.Purchases.Add(new Purchase { Id = id, Item = item });
        context.PutOnSave(Orders, new TpqPut($"{id}"));
    }

    protected Task<long> CountPurchasesAsync() => ScalarAsync<long>("SELECT count(*) FROM purchases");

    /// <summary>What is in the table, and what in the queue, which is empty afterwards.</summary>
    protected async Task ExpectAsync(long[] purchases, string[] messages)
    {
        Assert.Equal(string.Join(',', purchases), await ScalarAsync<string?>("SELECT string_agg(id::text, ',' ORDER BY id) FROM purchases") ?? "");
        Assert.Equal(messages, await DrainAsync(Orders));
    }
}
