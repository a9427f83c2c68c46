using System.Transactions;
using Microsoft.EntityFrameworkCore;
using Tpq.EntityFrameworkCore.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.EntityFrameworkCore.Tests;

/// <summary>Saves in a transaction of System.Transactions.</summary>
public sealed class ScopeTests(Server server) : ShopTest(server)
{
    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task Puts_CommitWithTheScope_OrNot(bool completes, bool hasEntity)
    {
        await using ShopContext context = NewContext();
        using (TransactionScope scope = NewScope())
        {
            if (hasEntity)
                context.Purchases.Add(new Purchase { Id = 1 });
            context.PutOnSave(Orders, new TpqPut("1"));
            await context.SaveChangesAsync(Token);
            await context.SaveChangesAsync(Token);
            if (completes)
                scope.Complete();
        }
        await context.SaveChangesAsync(Token);
        await ExpectAsync(completes && hasEntity ? [1] : [], completes ? ["1"] : []);
    }

    [Fact]
    public async Task Enlisted_CommitsWithTheTransaction()
    {
        using var transaction = new CommittableTransaction(new TransactionOptions { IsolationLevel = IsolationLevel.ReadCommitted });
        await using ShopContext context = NewContext();
        await context.Database.OpenConnectionAsync(Token);
        context.Database.EnlistTransaction(transaction);
        Buy(context, 1);
        await context.SaveChangesAsync(Token);
        Assert.Equal(0, await Orders.CountAsync(Token));
        transaction.Commit();
        await ExpectAsync([1], ["1"]);
    }

    [Fact]
    public async Task AbandonedScope_LeavesAFailedSavesMessagePending()
    {
        await ExecuteAsync($"INSERT INTO \"{Schema}\".purchases VALUES (1, 'coffee')");
        await using ShopContext context = NewContext();
        Buy(context, 1);
        using (NewScope())
            await Assert.ThrowsAsync<DbUpdateException>(() => context.SaveChangesAsync(Token));
        await ExpectAsync([1], []);
        await ExecuteAsync($"DELETE FROM \"{Schema}\".purchases");
        using (TransactionScope scope = NewScope())
        {
            await context.SaveChangesAsync(Token);
            scope.Complete();
        }
        await ExpectAsync([1], ["1"]);
    }

    [Fact]
    public async Task Conflict_AndANewSaveInTheSameScope_PutOnce()
    {
        await ExecuteAsync($"INSERT INTO \"{Schema}\".purchases VALUES (1, 'coffee')");
        await using ShopContext context = NewContext();
        (await context.Purchases.SingleAsync(Token)).Item = "tea";
        await ExecuteAsync($"DELETE FROM \"{Schema}\".purchases");
        context.PutOnSave(Orders, new TpqPut("1"));
        using (TransactionScope scope = NewScope())
        {
            await Assert.ThrowsAsync<DbUpdateConcurrencyException>(() => context.SaveChangesAsync(Token));
            context.Entry(context.Purchases.Local.Single()).State = EntityState.Added;
            context.PutOnSave(Orders, new TpqPut("2"));
            await context.SaveChangesAsync(Token);
            scope.Complete();
        }
        await ExpectAsync([1], ["1", "2"]);
    }

    [Fact]
    public async Task MissingQueue_FailsBeforeAnythingOfTheSaveIsSent()
    {
        await using ShopContext context = NewContext();
        using (TransactionScope scope = NewScope())
        {
            context.Purchases.Add(new Purchase { Id = 1 });
            context.PutOnSave(Client.Queue("missing"), new TpqPut("1"));
            await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => context.SaveChangesAsync(Token));
            scope.Complete();
        }
        await ExpectAsync([], []);
        Assert.True(context.ChangeTracker.HasChanges());
    }

    [Fact]
    public async Task SynchronousSave_SendsNothing()
    {
        await using ShopContext context = NewContext();
        using (TransactionScope scope = NewScope())
        {
            Buy(context, 1);
            Assert.Throws<InvalidOperationException>(() => context.SaveChanges());
            scope.Complete();
        }
        await ExpectAsync([], []);
    }

    [Fact]
    public async Task In_SaysThatAScopeIsNoTransaction()
    {
        await using ShopContext context = NewContext();
        using TransactionScope scope = NewScope();
        Assert.Throws<InvalidOperationException>(() => Orders.In(context));
    }

    static TransactionScope NewScope() => new(
        TransactionScopeOption.Required, new TransactionOptions { IsolationLevel = IsolationLevel.ReadCommitted }, TransactionScopeAsyncFlowOption.Enabled);
}
