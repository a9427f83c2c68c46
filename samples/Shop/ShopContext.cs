using Microsoft.EntityFrameworkCore;

namespace Shop;

public sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    public DbSet<Order> Orders => Set<Order>();

    public DbSet<Shipment> Shipments => Set<Shipment>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Order>().ToTable("shop_orders");
        modelBuilder.Entity<Shipment>().ToTable("shop_shipments").HasKey(s => s.OrderId);
        modelBuilder.Entity<Shipment>().Property(s => s.OrderId).ValueGeneratedNever();
    }
}

public sealed class Order
{
    public long Id { get; set; }

    public required string Item { get; set; }
}

public sealed class Shipment
{
    public long OrderId { get; set; }

    public required string Label { get; set; }
}
