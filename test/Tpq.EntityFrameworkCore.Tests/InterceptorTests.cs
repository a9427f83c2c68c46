using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Storage;
using Tpq.EntityFrameworkCore.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.EntityFrameworkCore.Tests;

/// <summary>Beside interceptors of the application: of those that turn an entity's events into messages, say.</summary>
public sealed class InterceptorTests(Server server) : ShopTest(server)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MessageOfAnInterceptor_IsPutByTheSaveThatItIntercepts(bool inCallers)
    {
        await using ShopContext context = NewContext(new Saving(c => c.PutOnSave(Orders, new TpqPut("1"))));
        context.Purchases.Add(new Purchase { Id = 1, Item = "refused" });
        if (!inCallers)
        {
            await Assert.ThrowsAnyAsync<Exception>(() => context.SaveChangesAsync(Token));
            await ExpectAsync([], []);
            Assert.Equal(AutoTransactionBehavior.Always, context.Database.AutoTransactionBehavior);
        }
        context.Purchases.Local.Single().Item = "tea";
        await using IDbContextTransaction? transaction = inCallers ? await context.Database.BeginTransactionAsync(Token) : null;
        await context.SaveChangesAsync(Token);
        if (transaction is not null)
        {
            Assert.Equal(0, await Orders.CountAsync(Token));
            await transaction.CommitAsync(Token);
        }
        // The save that failed has left its message, as it has left its entity.
        await ExpectAsync([1], inCallers ? ["1"] : ["1", "1"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MessageOfAnInterceptor_FailsASynchronousSave(bool inCallers)
    {
        await using ShopContext context = NewContext(new Saving(c => c.PutOnSave(Orders, new TpqPut("1"))));
        context.Purchases.Add(new Purchase { Id = 1 });
        await using (IDbContextTransaction? transaction = inCallers ? await context.Database.BeginTransactionAsync(Token) : null)
        {
            Assert.Throws<InvalidOperationException>(() => context.SaveChanges());
            if (transaction is not null)
                await transaction.CommitAsync(Token);
        }
        await ExpectAsync([], []);
    }

    [Fact]
    public async Task TransactionOfAnInterceptor_IsNotTakenForTheSaves()
    {
        await using ShopContext context = NewContext(new Saving(async c =>
        {
            await using IDbContextTransaction own = await c.Database.BeginTransactionAsync(Token);
            await own.CommitAsync(Token);
        }));
        Buy(context, 1, "refused");
        await Assert.ThrowsAnyAsync<Exception>(() => context.SaveChangesAsync(Token));
        await ExpectAsync([], []);
        context.Purchases.Local.Single().Item = "tea";
        await context.SaveChangesAsync(Token);
        await ExpectAsync([1], ["1"]);
    }

    [Fact]
    public async Task InterceptorThatThrows_LeavesItPending()
    {
        bool throws = true;
        await using ShopContext context = NewContext(new Saving(_ =>
        {
            if (throws)
                throw new NotSupportedException();
        }));
        Buy(context, 1);
        await Assert.ThrowsAsync<NotSupportedException>(() => context.SaveChangesAsync(Token));
        throws = false;
        await context.SaveChangesAsync(Token);
        await ExpectAsync([1], ["1"]);
    }

    [Fact]
    public async Task SuppressedSave_LeavesItPending_AsItsEntities()
    {
        var suppressing = new Suppressing { IsOn = true };
        await using ShopContext context = NewContext(suppressing);
        Buy(context, 1);
        await context.SaveChangesAsync(Token);
        Assert.Equal((0, 0), (await CountPurchasesAsync(), await Orders.CountAsync(Token)));
        suppressing.IsOn = false;
        await context.SaveChangesAsync(Token);
        await ExpectAsync([1], ["1"]);
    }

    sealed class Suppressing : SaveChangesInterceptor
    {
        public bool IsOn { get; set; }

        public override ValueTask<InterceptionResult<int>> SavingChangesAsync(
            DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(IsOn ? InterceptionResult<int>.SuppressWithResult(0) : result);
    }

    sealed class Saving(Func<DbContext, Task> action) : SaveChangesInterceptor
    {
        public Saving(Action<DbContext> action)
            : this(c =>
            {
                action(c);
                return Task.CompletedTask;
            })
        {
        }

        public override InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result)
        {
            Assert.True(action(eventData.Context!).IsCompleted);
            return result;
        }

        public override async ValueTask<InterceptionResult<int>> SavingChangesAsync(
            DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
        {
            await action(eventData.Context!);
            return result;
        }
    }
}
