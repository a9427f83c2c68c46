using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Tpq.EntityFrameworkCore.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.EntityFrameworkCore.Tests;

public sealed class PutOnSaveTests(Server server) : ShopTest(server)
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Save_PutsInOrder_HoweverManyEntities(int count)
    {
        await using ShopContext context = NewContext();
        context.Purchases.AddRange(Enumerable.Range(1, count).Select(i => new Purchase { Id = i }));
        context.PutOnSave(Orders, new TpqPut("1"));
        context.PutOnSave(Orders, new TpqPut("2"u8.ToArray()));
        Assert.Equal(0, await Orders.CountAsync(Token));
        Assert.Equal(count, await context.SaveChangesAsync(Token));
        await ExpectAsync([.. Enumerable.Range(1, count).Select(i => (long)i)], ["1", "2"]);
        await context.SaveChangesAsync(Token);
        await ExpectAsync([.. Enumerable.Range(1, count).Select(i => (long)i)], []);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Save_ThatIsRefusedAtCommit_PutsNothing_AndThenOnce(int count)
    {
        await using ShopContext context = NewContext();
        for (int i = 1; i <= count; i++)
            Buy(context, i, "refused");
        for (int tries = 0; tries < 2; tries++)
        {
            await Assert.ThrowsAnyAsync<Exception>(() => context.SaveChangesAsync(Token));
            await ExpectAsync([], []);
        }
        foreach (Purchase purchase in context.Purchases.Local)
            purchase.Item = "tea";
        await context.SaveChangesAsync(Token);
        await ExpectAsync([.. Enumerable.Range(1, count)], [.. Enumerable.Range(1, count).Select(i => $"{i}")]);
    }

    [Fact]
    public async Task Save_ThatFailsOnAStatement_PutsNothing_AndThenOnce()
    {
        await ExecuteAsync($"INSERT INTO \"{Schema}\".purchases VALUES (1, 'coffee')");
        await using ShopContext context = NewContext();
        Buy(context, 1);
        await Assert.ThrowsAsync<DbUpdateException>(() => context.SaveChangesAsync(Token));
        await ExpectAsync([1], []);
        await ExecuteAsync($"DELETE FROM \"{Schema}\".purchases");
        await context.SaveChangesAsync(Token);
        await ExpectAsync([1], ["1"]);
    }

    [Fact]
    public async Task Save_ThatMeetsAConflict_PutsNothing_AndThenOnce()
    {
        await ExecuteAsync($"INSERT INTO \"{Schema}\".purchases VALUES (1, 'coffee')");
        await using ShopContext context = NewContext();
        (await context.Purchases.SingleAsync(Token)).Item = "tea";
        context.PutOnSave(Orders, new TpqPut("1"));
        await ExecuteAsync($"DELETE FROM \"{Schema}\".purchases");
        await Assert.ThrowsAsync<DbUpdateConcurrencyException>(() => context.SaveChangesAsync(Token));
        await ExpectAsync([], []);
        context.Entry(context.Purchases.Local.Single()).State = EntityState.Added;
        await context.SaveChangesAsync(Token);
        await ExpectAsync([1], ["1"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task MissingQueue_FailsTheSaveAsAWhole(bool hasEntity)
    {
        TpqQueue missing = Client.Queue("missing");
        await using ShopContext context = NewContext();
        context.PutOnSave(Orders, new TpqPut("1"));
        if (hasEntity)
            context.Purchases.Add(new Purchase { Id = 1 });
        context.PutOnSave(missing, new TpqPut("2"));
        var error = await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => context.SaveChangesAsync(Token));
        Assert.Equal("missing", error.Queue);
        await ExpectAsync([], []);
        Assert.Equal(hasEntity, context.ChangeTracker.HasChanges());
        await missing.CreateAsync(cancellationToken: Token);
        await context.SaveChangesAsync(Token);
        await ExpectAsync(hasEntity ? [1] : [], ["1"]);
        Assert.Equal(["2"], await DrainAsync(missing));
    }

    [Fact]
    public async Task CancelledSave_LeavesItPending()
    {
        await using ShopContext context = NewContext();
        Buy(context, 1);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => context.SaveChangesAsync(new CancellationToken(canceled: true)));
        await ExpectAsync([], []);
        await context.SaveChangesAsync(Token);
        await ExpectAsync([1], ["1"]);
    }

    [Theory]
    [InlineData(AutoTransactionBehavior.WhenNeeded, true)]
    [InlineData(AutoTransactionBehavior.Never, false)]
    public async Task TheContextsOwnSettings_AreBackAfterTheSave(AutoTransactionBehavior behavior, bool savepoints)
    {
        await using ShopContext context = NewContext();
        context.Database.AutoTransactionBehavior = behavior;
        context.Database.AutoSavepointsEnabled = savepoints;
        Buy(context, 1, "refused");
        await Assert.ThrowsAnyAsync<Exception>(() => context.SaveChangesAsync(Token));
        await ExpectAsync([], []);
        context.Purchases.Local.Single().Item = "tea";
        await context.SaveChangesAsync(Token);
        await ExpectAsync([1], ["1"]);
        Assert.Equal((behavior, savepoints), (context.Database.AutoTransactionBehavior, context.Database.AutoSavepointsEnabled));
    }

    [Fact]
    public async Task Clear_LeavesItPending_AndDisposeDropsIt()
    {
        await using (ShopContext context = NewContext())
        {
            Buy(context, 1);
            context.ChangeTracker.Clear();
            await context.SaveChangesAsync(Token);
            Buy(context, 2);
        }
        await using (ShopContext context = NewContext())
            await context.SaveChangesAsync(Token);
        await ExpectAsync([], ["1"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Discard_DropsWhatIsPending_AndTheNextUnitOfWorkIsWhole(bool hasFailed)
    {
        await using ShopContext context = NewContext();
        context.Database.AutoTransactionBehavior = AutoTransactionBehavior.Never;
        Buy(context, 1, "refused");
        if (hasFailed)
            await Assert.ThrowsAnyAsync<Exception>(() => context.SaveChangesAsync(Token));
        context.ChangeTracker.Clear();
        context.DiscardPuts();
        Assert.Equal(AutoTransactionBehavior.Never, context.Database.AutoTransactionBehavior);
        context.SaveChanges();
        Buy(context, 2);
        await context.SaveChangesAsync(Token);
        await ExpectAsync([2], ["2"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Discard_LeavesToItsTransaction_WhatIsInOne(bool commits)
    {
        await using ShopContext context = NewContext();
        await using (IDbContextTransaction transaction = await context.Database.BeginTransactionAsync(Token))
        {
            Buy(context, 1);
            await context.SaveChangesAsync(acceptAllChangesOnSuccess: false, Token);
            context.DiscardPuts();
            if (commits)
                await transaction.CommitAsync(Token);
        }
        context.ChangeTracker.Clear();
        await context.SaveChangesAsync(Token);
        await ExpectAsync(commits ? [1] : [], commits ? ["1"] : []);
    }

    [Fact]
    public async Task Delay_IsKept()
    {
        await using ShopContext context = NewContext();
        context.PutOnSave(Orders, new TpqPut("1") { Delay = TimeSpan.FromHours(1) });
        await context.SaveChangesAsync(Token);
        Assert.Equal((0L, 1L), (await Orders.CountAsync(Token), await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later")));
    }

    [Fact]
    public async Task SynchronousSave_Throws_AndSavesNothing()
    {
        await using ShopContext context = NewContext();
        Buy(context, 1);
        var error = Assert.Throws<InvalidOperationException>(() => context.SaveChanges());
        Assert.Contains("SaveChangesAsync", error.Message, StringComparison.Ordinal);
        await ExpectAsync([], []);
        await context.SaveChangesAsync(Token);
        await ExpectAsync([1], ["1"]);
        context.Purchases.Add(new Purchase { Id = 2 });
        context.SaveChanges();
        await ExpectAsync([1, 2], []);
    }

    [Fact]
    public async Task WrongJson_ThrowsAtOnce_AndLosesNothing()
    {
        await using ShopContext context = NewContext();
        Buy(context, 1);
        Assert.Throws<TpqInvalidJsonException>(() => context.PutOnSave(Orders, new TpqPut("{")));
        Assert.Throws<ArgumentException>(() => context.PutOnSave(Orders, new TpqPut("3") { Delay = TimeSpan.FromHours(1), DueAt = DateTimeOffset.UnixEpoch }));
        await context.SaveChangesAsync(Token);
        await ExpectAsync([1], ["1"]);
    }

    [Fact]
    public async Task WithoutUseTpq_Throws_AndSaysSo()
    {
        await using var context = new ShopContext(new DbContextOptionsBuilder<ShopContext>().UseNpgsql(ConnectionString).Options);
        var error = Assert.Throws<InvalidOperationException>(() => context.PutOnSave(Orders, new TpqPut("1")));
        Assert.Contains("UseTpq", error.Message, StringComparison.Ordinal);
        Assert.Equal(error.Message, Assert.Throws<InvalidOperationException>(context.DiscardPuts).Message);
    }

    [Fact]
    public async Task UseTpq_MayComeFirst_AndTwice()
    {
        var builder = new DbContextOptionsBuilder<ShopContext>();
        ((DbContextOptionsBuilder)builder.UseTpq()).UseNpgsql(ConnectionString).UseTpq();
        await using var context = new ShopContext(builder.Options);
        Buy(context, 1);
        await context.SaveChangesAsync(Token);
        await ExpectAsync([1], ["1"]);
    }

    [Theory]
    [InlineData("Database=template1", "template1")]
    [InlineData("Port=1", ":1")]
    [InlineData("Host=elsewhere.invalid", "elsewhere.invalid")]
    public async Task AnotherDatabase_IsRefused_AndNothingIsSaved(string settings, string named)
    {
        await using TpqClient elsewhere = NewClient(settings);
        await using ShopContext context = NewContext();
        context.Purchases.Add(new Purchase { Id = 1 });
        context.PutOnSave(elsewhere.Queue("orders"), new TpqPut("1"));
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => context.SaveChangesAsync(Token));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        await ExpectAsync([], []);
    }
}
