using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Tpq.Docs.Tests.Fixtures;

/// <summary>What an example may use without declaring it.</summary>
public static class Prelude
{
    public static string connectionString { get; set; } = "";

    public static NpgsqlDataSource dataSource { get; set; } = null!;

    public static TpqClient tpq { get; set; } = null!;

    public static TpqQueue orders { get; set; } = null!;

    /// <summary>A handler of one's own.</summary>
    public static Task HandleAsync(TpqDelivery delivery, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Long work.</summary>
    public static Task<byte[]> PrintAsync(TpqMessage message, CancellationToken cancellationToken) => Task.FromResult(message.Utf8Json.ToArray());

    /// <summary>Stops consumers.</summary>
    public static CancellationToken stop { get; set; }

    /// <summary>A message in hand, as a handler gets it.</summary>
    public static TpqDelivery d { get; set; } = null!;

    public static ShopContext context { get; set; } = null!;

    public static DbContextOptions<ShopContext> options { get; set; } = null!;
}

public sealed record Order(long Id, string Item);

[JsonSerializable(typeof(Order))]
public sealed partial class AppJson : JsonSerializerContext;

public sealed class Shipment
{
    public long OrderId { get; set; }
}

public sealed class Purchase
{
    public long Id { get; set; }

    public string Item { get; set; } = "";
}

public sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    public DbSet<Shipment> Shipments => Set<Shipment>();

    public DbSet<Purchase> Purchases => Set<Purchase>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Shipment>(shipment =>
        {
            shipment.ToTable("shipments").HasKey(s => s.OrderId);
            shipment.Property(s => s.OrderId).HasColumnName("order_id").ValueGeneratedNever();
        });
        modelBuilder.Entity<Purchase>(purchase =>
        {
            purchase.ToTable("purchases");
            purchase.Property(p => p.Id).HasColumnName("id").ValueGeneratedNever();
            purchase.Property(p => p.Item).HasColumnName("item");
        });
    }
}
