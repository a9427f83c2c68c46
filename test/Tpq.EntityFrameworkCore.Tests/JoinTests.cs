using System.Data;
using System.Transactions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Npgsql;
using Tpq.EntityFrameworkCore.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.EntityFrameworkCore.Tests;

public sealed class JoinTests(Server server) : ShopTest(server)
{
    TpqClient? _client;

    public override async ValueTask DisposeAsync()
    {
        if (_client is not null)
            await _client.DisposeAsync();
        await base.DisposeAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Joined_CommitsWithTheDelivery_OrIsUndoneWithIt(bool commits)
    {
        await Orders.PutAsync("1", Token);
        await using (TpqDelivery delivery = await TakeAsync())
        {
            await using (ShopContext context = NewContext())
            {
                await context.JoinAsync(delivery, Token);
                Buy(context, 2);
                await context.SaveChangesAsync(Token);
                await Orders.In(context).PutAsync("3", Token);
            }
            Assert.Equal(ConnectionState.Open, delivery.Connection.State);
            Assert.Equal((0L, 1L), (await CountPurchasesAsync(), await Orders.CountAsync(Token)));
            if (commits)
                await delivery.CommitAsync(Token);
        }
        await ExpectAsync(commits ? [2] : [], commits ? ["2", "3"] : ["1"]);
    }

    [Fact]
    public async Task Joined_DisposesOfNothing_Synchronously()
    {
        await Orders.PutAsync("1", Token);
        await using TpqDelivery delivery = await TakeAsync();
        ShopContext context = NewContext();
        await context.JoinAsync(delivery, Token);
        Buy(context, 2);
        await context.SaveChangesAsync(Token);
#pragma warning disable CA1849, xUnit1051
        context.Dispose();
#pragma warning restore CA1849, xUnit1051
        await delivery.CommitAsync(Token);
        await ExpectAsync([2], ["2"]);
    }

    [Fact]
    public async Task Join_NeedsNoConnectionStringAndNoUseTpq()
    {
        await Orders.PutAsync("1", Token);
        await using TpqDelivery delivery = await TakeAsync();
        await using var context = new ShopContext(new DbContextOptionsBuilder<ShopContext>().UseNpgsql().Options);
        await context.JoinAsync(delivery, Token);
        context.Purchases.Add(new Purchase { Id = 2 });
        await context.SaveChangesAsync(Token);
        await delivery.CommitAsync(Token);
        await ExpectAsync([2], []);
    }

    [Fact]
    public async Task JoinedContext_OutlivesItsDelivery_AndSaysSo()
    {
        await Orders.PutAsync("1", Token);
        await using ShopContext context = NewContext();
        await using (TpqDelivery delivery = await TakeAsync())
        {
            await context.JoinAsync(delivery, Token);
            await delivery.CommitAsync(Token);
        }
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => Orders.In(context).PutAsync("2", Token));
        Assert.Contains("committed or rolled back", error.Message, StringComparison.Ordinal);
        Buy(context, 2);
        await Assert.ThrowsAnyAsync<Exception>(() => context.SaveChangesAsync(Token));
        await ExpectAsync([], []);
    }

    [Fact]
    public async Task FailedSave_LeavesTheDeliveryUsable()
    {
        await ExecuteAsync($"INSERT INTO \"{Schema}\".purchases VALUES (1, 'coffee')");
        await Orders.PutAsync("1", Token);
        await using TpqDelivery delivery = await TakeAsync();
        await using (ShopContext context = NewContext())
        {
            await context.JoinAsync(delivery, Token);
            Buy(context, 1);
            var error = await Assert.ThrowsAsync<DbUpdateException>(() => context.SaveChangesAsync(Token));
            Assert.Equal(PostgresErrorCodes.UniqueViolation, Assert.IsType<PostgresException>(error.InnerException).SqlState);
        }
        await delivery.CommitAsync(Token);
        await ExpectAsync([1], []);
    }

    [Fact]
    public async Task Join_Refuses_WhatCannotCommitWithTheDelivery()
    {
        await Orders.PutAsync("1", Token);
        await using TpqDelivery delivery = await TakeAsync();

        await using ShopContext begun = NewContext();
        await begun.Database.BeginTransactionAsync(Token);
        await RefusesAsync(begun, delivery, "has a transaction");

        await using ShopContext open = NewContext();
        await open.Database.OpenConnectionAsync(Token);
        await RefusesAsync(open, delivery, "connection is open");

        await using ShopContext joined = NewContext();
        await joined.JoinAsync(delivery, Token);
        await RefusesAsync(joined, delivery, "has a transaction");

        await using ShopContext pooled = await new PooledDbContextFactory<ShopContext>(Options()).CreateDbContextAsync(Token);
        await RefusesAsync(pooled, delivery, "pool");

        await using ShopContext retrying = NewRetryingContext();
        await RefusesAsync(retrying, delivery, "EnableRetryOnFailure");
        Buy(retrying, 5);
        await retrying.SaveChangesAsync(Token);

        await using ShopContext scoped = NewContext();
        using (new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
            await RefusesAsync(scoped, delivery, "TransactionScope");

        await using ShopContext cancelled = NewContext();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.JoinAsync(delivery, new CancellationToken(canceled: true)));
        Buy(cancelled, 6);
        await cancelled.SaveChangesAsync(Token);

        await delivery.CommitAsync(Token);
        await using ShopContext late = NewContext();
        await RefusesAsync(late, delivery, "given back already");
        await ExpectAsync([5, 6], ["5", "6"]);
    }

    /// <summary>A joined context is on the connection of the client, which therefore has the search path that the context's has.</summary>
    async Task<TpqDelivery> TakeAsync()
    {
        _client = NewClient($"Search Path=\"{Schema}\"");
        return (await _client.Queue("orders").GetAsync(cancellationToken: Token))!;
    }

    static async Task RefusesAsync(ShopContext context, TpqDelivery delivery, string why)
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => context.JoinAsync(delivery, Token));
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
    }
}
