using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Tpq.EntityFrameworkCore.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.EntityFrameworkCore.Tests;

public sealed class PoolTests(Server server) : ShopTest(server)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task PooledContext_DropsWhatItHasNotPut(bool sync)
    {
        var pool = new PooledDbContextFactory<ShopContext>(Options(), poolSize: 1);
        ShopContext first = await pool.CreateDbContextAsync(Token);
        Buy(first, 1, "refused");
        await Assert.ThrowsAnyAsync<Exception>(() => first.SaveChangesAsync(acceptAllChangesOnSuccess: false, Token));
        if (sync)
#pragma warning disable CA1849, xUnit1051
            first.Dispose();
#pragma warning restore CA1849, xUnit1051
        else
            await first.DisposeAsync();
        await using ShopContext second = await pool.CreateDbContextAsync(Token);
        Assert.Same(first, second);
        Assert.Equal(AutoTransactionBehavior.WhenNeeded, second.Database.AutoTransactionBehavior);
        second.Purchases.Add(new Purchase { Id = 2 });
        await second.SaveChangesAsync(Token);
        await ExpectAsync([2], []);
        Buy(second, 3);
        await second.SaveChangesAsync(acceptAllChangesOnSuccess: false, Token);
        await ExpectAsync([2, 3], ["3"]);
    }

    [Fact]
    public async Task SaveOfTheNextRenter_IsWatchedToo()
    {
        var pool = new PooledDbContextFactory<ShopContext>(Options(Retries), poolSize: 1);
        for (long id = 1; id <= 2; id++)
        {
            await using ShopContext context = await pool.CreateDbContextAsync(Token);
            Buy(context, id);
            bool failed = false;
            await context.Database.CreateExecutionStrategy().ExecuteInTransactionAsync(async token =>
            {
                await context.SaveChangesAsync(acceptAllChangesOnSuccess: false, token);
                if (!failed)
                {
                    failed = true;
                    throw new TimeoutException("transient");
                }
            }, _ => Task.FromResult(false), Token);
        }
        await ExpectAsync([1, 2], ["1", "2"]);
    }
}
