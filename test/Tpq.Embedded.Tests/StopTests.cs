using Npgsql;

namespace Tpq.Embedded.Tests;

public sealed class StopTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RestartAsync_KeepsPortAndData_WhenStoppedInAnyWay(bool immediate)
    {
        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        (string url, int? processId) = (postgres.Url, postgres.ProcessId);
        await Query.RunAsync(postgres, "create table kept as select 42 as x", Token);

        await postgres.RestartAsync(immediate, Token);

        Assert.Equal(url, postgres.Url);
        Assert.NotEqual(processId, postgres.ProcessId);
        Assert.Equal(42, await Query.RunAsync(postgres, "select x from kept", Token));
    }

    [Fact]
    public async Task StopAsync_RefusesConnections_UntilStartedAgain()
    {
        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(cancellationToken: Token);

        await postgres.StopAsync(cancellationToken: Token);
        await postgres.StopAsync(cancellationToken: Token);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => Query.RunAsync(postgres, "select 1", Token));
        await postgres.StartAgainAsync(Token);
        await postgres.StartAgainAsync(Token);

        Assert.Equal(1, await Query.RunAsync(postgres, "select 1", Token));
    }

    [Fact]
    public async Task StartAgainAsync_Recovers_WhenTheServerWasKilledAtWork()
    {
        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        await Query.RunAsync(postgres, "create table kept as select 42 as x", Token);
        Task<object?> busy = Query.RunAsync(postgres, "select pg_sleep(60)", Token);

        await postgres.KillAsync(Token);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => busy);
        await postgres.StartAgainAsync(Token);

        Assert.Equal(42, await Query.RunAsync(postgres, "select x from kept", Token));
    }

    [Fact]
    public async Task DisposeAsync_RemovesTheFolder_WhenTheServerWasStoppedBefore()
    {
        EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        await postgres.StopAsync(cancellationToken: Token);

        await postgres.DisposeAsync();

        Assert.False(Directory.Exists(postgres.DataDirectory));
    }
}
