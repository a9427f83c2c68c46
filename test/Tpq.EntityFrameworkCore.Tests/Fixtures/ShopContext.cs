using Microsoft.EntityFrameworkCore;

namespace Tpq.EntityFrameworkCore.Tests.Fixtures;

public sealed class Purchase
{
    public long Id { get; set; }

    public string Item { get; set; } = "tea";
}

public sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    public DbSet<Purchase> Purchases => Set<Purchase>();

    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.Entity<Purchase>(purchase =>
    {
        purchase.ToTable("purchases");
        purchase.Property(p => p.Id).HasColumnName("id").ValueGeneratedNever();
        purchase.Property(p => p.Item).HasColumnName("item");
    });
}
