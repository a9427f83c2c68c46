using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Tpq.EntityFrameworkCore.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.EntityFrameworkCore.Tests;

/// <summary>Saves in a transaction that the caller began.</summary>
public sealed class CallersTransactionTests(Server server) : ShopTest(server)
{
    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task Puts_CommitWithTheCaller_OrNot(bool commits, bool hasEntity)
    {
        await using ShopContext context = NewContext();
        await using (IDbContextTransaction transaction = await context.Database.BeginTransactionAsync(Token))
        {
            if (hasEntity)
                context.Purchases.Add(new Purchase { Id = 1 });
            context.PutOnSave(Orders, new TpqPut("1"));
            await context.SaveChangesAsync(Token);
            await context.SaveChangesAsync(Token);
            Assert.Equal(0, await Orders.CountAsync(Token));
            if (commits)
                await transaction.CommitAsync(Token);
            else
                await transaction.RollbackAsync(Token);
        }
        await context.SaveChangesAsync(Token);
        await ExpectAsync(commits && hasEntity ? [1] : [], commits ? ["1"] : []);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task FailedSave_IsUndone_AndTheNextOnePutsOnce(bool savepoints)
    {
        await ExecuteAsync($"INSERT INTO \"{Schema}\".purchases VALUES (1, 'coffee')");
        await using ShopContext context = NewContext();
        context.Database.AutoSavepointsEnabled = savepoints;
        await using IDbContextTransaction transaction = await context.Database.BeginTransactionAsync(Token);
        Buy(context, 2);
        await context.SaveChangesAsync(Token);
        Buy(context, 1);
        await Assert.ThrowsAsync<DbUpdateException>(() => context.SaveChangesAsync(Token));
        context.Purchases.Remove(context.Purchases.Local.Single(p => p.Id == 1));
        await transaction.CreateSavepointAsync("callers", Token);
        await context.SaveChangesAsync(Token);
        await transaction.CommitAsync(Token);
        await ExpectAsync([1, 2], ["2", "1"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Never_KeepsARetryingStrategyOutOfTheCallersTransaction(bool putFirst)
    {
        await using ShopContext context = NewRetryingContext();
        context.Database.AutoTransactionBehavior = AutoTransactionBehavior.Never;
        if (putFirst)
            Buy(context, 1);
        await using IDbContextTransaction transaction = await context.Database.BeginTransactionAsync(Token);
        if (!putFirst)
            Buy(context, 1);
        await context.SaveChangesAsync(Token);
        await transaction.CommitAsync(Token);
        await ExpectAsync([1], ["1"]);
        Assert.Equal(AutoTransactionBehavior.Never, context.Database.AutoTransactionBehavior);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Conflict_IsUndone_AndTheNextSavePutsOnce(bool again)
    {
        await ExecuteAsync($"INSERT INTO \"{Schema}\".purchases VALUES (1, 'coffee')");
        await using ShopContext context = NewContext();
        (await context.Purchases.SingleAsync(Token)).Item = "tea";
        await ExecuteAsync($"DELETE FROM \"{Schema}\".purchases");
        await using IDbContextTransaction transaction = await context.Database.BeginTransactionAsync(Token);
        context.PutOnSave(Orders, new TpqPut("1"));
        await Assert.ThrowsAsync<DbUpdateConcurrencyException>(() => context.SaveChangesAsync(Token));
        // No save is under way, so this one is the caller's alone.
        await transaction.CreateSavepointAsync("callers", Token);
        context.ChangeTracker.Clear();
        if (again)
            await context.SaveChangesAsync(Token);
        await transaction.CommitAsync(Token);
        await ExpectAsync([], again ? ["1"] : []);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task MissingQueue_PutsNoneOfTheSave_AndLeavesTheTransactionUsable(bool hasEntity)
    {
        TpqQueue missing = Client.Queue("missing");
        await using ShopContext context = NewContext();
        await using IDbContextTransaction transaction = await context.Database.BeginTransactionAsync(Token);
        Buy(context, 7);
        await context.SaveChangesAsync(Token);
        if (hasEntity)
            context.Purchases.Add(new Purchase { Id = 1 });
        context.PutOnSave(Orders, new TpqPut("1"));
        context.PutOnSave(missing, new TpqPut("2"));
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => context.SaveChangesAsync(Token));
        await transaction.CommitAsync(Token);
        await ExpectAsync([7], ["7"]);
        await missing.CreateAsync(cancellationToken: Token);
        await context.SaveChangesAsync(Token);
        await ExpectAsync(hasEntity ? [1, 7] : [7], ["1"]);
        Assert.Equal(["2"], await DrainAsync(missing));
    }

    [Fact]
    public async Task In_PutsAndTakesWithTheSave()
    {
        await Orders.PutAsync("1", Token);
        await using ShopContext context = NewContext();
        foreach (bool commits in (bool[])[false, true])
        {
            await using IDbContextTransaction transaction = await context.Database.BeginTransactionAsync(Token);
            Assert.Equal("1", (await Orders.In(context).GetAsync(cancellationToken: Token))!.Json);
            context.Purchases.Add(new Purchase { Id = 1 });
            await context.SaveChangesAsync(Token);
            await Orders.In(context).PutAsync("2", Token);
            if (commits)
                await transaction.CommitAsync(Token);
            else
                await transaction.RollbackAsync(Token);
            context.ChangeTracker.Clear();
        }
        await ExpectAsync([1], ["2"]);
    }

    [Fact]
    public async Task In_Throws_WhereThereIsNoTransaction_OrAnotherDatabase()
    {
        await using ShopContext context = NewContext();
        var none = Assert.Throws<InvalidOperationException>(() => Orders.In(context));
        Assert.Contains("BeginTransactionAsync", none.Message, StringComparison.Ordinal);
        Assert.Contains("PutOnSave", none.Message, StringComparison.Ordinal);
        await using IDbContextTransaction transaction = await context.Database.BeginTransactionAsync(Token);
        await using TpqClient elsewhere = NewClient("Database=template1");
        var other = Assert.Throws<InvalidOperationException>(() => elsewhere.Queue("orders").In(context));
        Assert.Contains("template1", other.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task In_KnowsTheDatabase_AmongSeveralHosts_AndOverOneDataSource()
    {
        var settings = new NpgsqlConnectionStringBuilder(Server.KeywordsOf(Server.Url));
        await using ShopContext context = NewContext();
        await using IDbContextTransaction transaction = await context.Database.BeginTransactionAsync(Token);
        await using TpqClient several = NewClient($"Host=elsewhere.invalid:1,{settings.Host}:{settings.Port}");
        await several.Queue("orders").In(context).PutAsync("1", Token);
        await using var dataSource = NpgsqlDataSource.Create(ConnectionString);
        await using var shared = new TpqClient(dataSource);
        await shared.Queue("orders").In(context).PutAsync("2", Token);
        await transaction.CommitAsync(Token);
        await ExpectAsync([], ["1", "2"]);
    }
}
