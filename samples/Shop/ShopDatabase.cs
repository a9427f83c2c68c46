using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;
using Tpq;

namespace Shop;

/// <summary>One database for orders, shipments and the queue, and so one transaction for what belongs together.</summary>
public static class ShopDatabase
{
    public const string Queue = "orders";

    /// <summary>Adds the pool that everything shares, the contexts over it, and the queue.</summary>
    public static TpqBuilder AddShop(this IServiceCollection services)
    {
        // The pool of TPQ_URL. An application of yours has its own, by AddNpgsqlDataSource say, and AddTpq takes that.
        // The client's options as AddTpq sets them up: it logs to the host's log.
        services.AddSingleton(provider => TpqClient.FromEnvironment(provider.GetRequiredService<IOptions<TpqClientOptions>>().Value));
        services.AddSingleton(provider => provider.GetRequiredService<TpqClient>().DataSource);
        services.AddDbContext<ShopContext>((provider, options) => options.UseNpgsql(provider.GetRequiredService<NpgsqlDataSource>()).UseTpq());
        return services.AddTpq().AddQueue(Queue, create: true);
    }

    /// <summary>Makes the tables. An application of yours has migrations.</summary>
    public static async Task CreateTablesAsync(IServiceProvider provider, CancellationToken cancellationToken = default)
    {
        await using AsyncServiceScope scope = provider.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<ShopContext>().Database.ExecuteSqlRawAsync(
            """
            SELECT pg_advisory_xact_lock(5715380217463920900);
            CREATE TABLE IF NOT EXISTS shop_orders ("Id" bigserial PRIMARY KEY, "Item" text NOT NULL);
            CREATE TABLE IF NOT EXISTS shop_shipments ("OrderId" bigint PRIMARY KEY, "Label" text NOT NULL)
            """, cancellationToken);
    }
}
