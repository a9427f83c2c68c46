using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Tpq.EntityFrameworkCore.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.EntityFrameworkCore.Tests;

/// <summary>Saves that are run again, by a retrying execution strategy or by the caller.</summary>
public sealed class RetryTests(Server server) : ShopTest(server)
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task RetriedSave_PutsOnce(int entities)
    {
        var breaker = new BreaksFirstCommits(2);
        await using ShopContext context = NewRetryingContext(breaker);
        context.Purchases.AddRange(Enumerable.Range(1, entities).Select(i => new Purchase { Id = i }));
        context.PutOnSave(Orders, new TpqPut("1"));
        context.PutOnSave(Orders, new TpqPut("2"));
        await context.SaveChangesAsync(Token);
        Assert.Equal(3, breaker.Commits);
        await context.SaveChangesAsync(Token);
        await ExpectAsync([.. Enumerable.Range(1, entities)], ["1", "2"]);
    }

    [Fact]
    public async Task Save_WhosePutLosesTheConnection_IsRetried()
    {
        var breaker = new BreaksFirstSave(Server.Admin);
        await using ShopContext context = NewRetryingContext(breaker);
        Buy(context, 1);
        await context.SaveChangesAsync(Token);
        Assert.True(breaker.HasBroken);
        await ExpectAsync([1], ["1"]);
    }

    [Fact]
    public async Task ExecuteInTransaction_PutsOnce_AsItSavesOnce()
    {
        var breaker = new BreaksFirstCommits(2);
        await using ShopContext context = NewRetryingContext(breaker);
        Buy(context, 1);
        await context.Database.CreateExecutionStrategy().ExecuteInTransactionAsync(
            token => context.SaveChangesAsync(acceptAllChangesOnSuccess: false, token), _ => Task.FromResult(false), Token);
        context.ChangeTracker.AcceptAllChanges();
        Assert.Equal(3, breaker.Commits);
        await context.SaveChangesAsync(Token);
        await ExpectAsync([1], ["1"]);
    }

    [Fact]
    public async Task UnacceptedSave_OutsideOfATransaction_PutsOnce()
    {
        await using ShopContext context = NewContext();
        Buy(context, 1);
        await context.SaveChangesAsync(acceptAllChangesOnSuccess: false, Token);
        context.ChangeTracker.AcceptAllChanges();
        await context.SaveChangesAsync(Token);
        await ExpectAsync([1], ["1"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task UnacceptedSave_IsPutAgain_WhenItsTransactionWasRolledBack(bool hasEntity)
    {
        await using ShopContext context = NewContext();
        if (hasEntity)
            context.Purchases.Add(new Purchase { Id = 1 });
        context.PutOnSave(Orders, new TpqPut("1"));
        await using (await context.Database.BeginTransactionAsync(Token))
            await context.SaveChangesAsync(acceptAllChangesOnSuccess: false, Token);
        await using (IDbContextTransaction second = await context.Database.BeginTransactionAsync(Token))
        {
            await context.SaveChangesAsync(acceptAllChangesOnSuccess: false, Token);
            context.ChangeTracker.AcceptAllChanges();
            await context.SaveChangesAsync(Token);
            await second.CommitAsync(Token);
        }
        await context.SaveChangesAsync(Token);
        await ExpectAsync(hasEntity ? [1] : [], ["1"]);
    }

    [Fact]
    public async Task UnacceptedSave_IsPutAgain_AfterARollbackToTheCallersSavepoint()
    {
        await using ShopContext context = NewContext();
        Buy(context, 1);
        await using (IDbContextTransaction transaction = await context.Database.BeginTransactionAsync(Token))
        {
            await transaction.CreateSavepointAsync("callers", Token);
            await context.SaveChangesAsync(acceptAllChangesOnSuccess: false, Token);
            await transaction.RollbackToSavepointAsync("callers", Token);
            await context.SaveChangesAsync(Token);
            await transaction.CommitAsync(Token);
        }
        await ExpectAsync([1], ["1"]);
    }

    [Fact]
    public async Task UnacceptedSave_StaysPut_WhenTheNextOneFails()
    {
        await ExecuteAsync($"INSERT INTO \"{Schema}\".purchases VALUES (1, 'coffee')");
        await using ShopContext context = NewContext();
        await using (IDbContextTransaction transaction = await context.Database.BeginTransactionAsync(Token))
        {
            Buy(context, 2);
            await context.SaveChangesAsync(acceptAllChangesOnSuccess: false, Token);
            context.ChangeTracker.AcceptAllChanges();
            Buy(context, 1);
            await Assert.ThrowsAsync<DbUpdateException>(() => context.SaveChangesAsync(Token));
            context.ChangeTracker.Clear();
            await context.SaveChangesAsync(Token);
            await transaction.CommitAsync(Token);
        }
        await ExpectAsync([1, 2], ["2", "1"]);
    }

    [Fact]
    public async Task UnacceptedSave_InATransactionOfSomebodyElse_IsNotPutAgain()
    {
        await using ShopContext context = NewContext();
        await using (NpgsqlConnection connection = await OpenAsync())
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token))
        {
            context.Database.SetDbConnection(connection);
            await context.Database.UseTransactionAsync(transaction, Token);
            Buy(context, 1);
            await context.SaveChangesAsync(acceptAllChangesOnSuccess: false, Token);
            context.ChangeTracker.AcceptAllChanges();
            await transaction.CommitAsync(Token);
            await context.Database.UseTransactionAsync(null, Token);
            await context.SaveChangesAsync(Token);
        }
        await ExpectAsync([1], ["1"]);
    }

    /// <summary>Ends the session when the save's entities were sent, and the messages were not.</summary>
    sealed class BreaksFirstSave(NpgsqlDataSource admin) : DbCommandInterceptor
    {
        public bool HasBroken { get; private set; }

        public override async ValueTask<InterceptionResult> DataReaderClosingAsync(
            DbCommand command, DataReaderClosingEventData eventData, InterceptionResult result)
        {
            if (HasBroken)
                return result;
            HasBroken = true;
            await using NpgsqlCommand end = admin.CreateCommand("SELECT pg_terminate_backend($1, 20000)");
            end.Parameters.AddWithValue(((NpgsqlConnection)command.Connection!).ProcessID);
            Assert.True((bool)(await end.ExecuteScalarAsync(Token))!);
            return result;
        }
    }

    /// <summary>Ends the sessions of the first transactions right before they commit, with everything written.</summary>
    sealed class BreaksFirstCommits(int count) : DbTransactionInterceptor
    {
        public int Commits { get; private set; }

        public override async ValueTask<InterceptionResult> TransactionCommittingAsync(
            DbTransaction transaction, TransactionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
        {
            if (Commits++ < count)
            {
                await using DbCommand end = transaction.Connection!.CreateCommand();
                end.CommandText = "SELECT pg_terminate_backend(pg_backend_pid())";
                await end.ExecuteNonQueryAsync(cancellationToken);
            }
            return result;
        }
    }
}
