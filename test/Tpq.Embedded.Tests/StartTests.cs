using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;
using Tpq.Embedded.Internal;

namespace Tpq.Embedded.Tests;

public sealed class StartTests(ITestOutputHelper output)
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task StartAsync_AnswersAQuery_WhenItReturns()
    {
        long begin = Stopwatch.GetTimestamp();
        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        double started = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
        object? answer = await Query.RunAsync(postgres, "select 1", Token);
        double answered = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;

        output.WriteLine($"PostgreSQL {postgres.Version}: started in {started:F0} ms, first query at {answered:F0} ms");
        Assert.Equal(1, answer);
    }

    [Fact]
    public async Task Url_NamesTheServer_WhenItRuns()
    {
        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(cancellationToken: Token);

        var url = new Uri(postgres.Url);

        Assert.Equal("postgresql", url.Scheme);
        Assert.Equal("127.0.0.1", url.Host);
        Assert.Equal(postgres.Port, url.Port);
        Assert.Equal("/postgres", url.AbsolutePath);
        Assert.Contains($"Password={url.UserInfo.Split(':')[1]}", postgres.ConnectionString, StringComparison.Ordinal);
        Assert.Equal($"{postgres.Version.Major}", ((string)(await Query.RunAsync(postgres, "show server_version", Token))!).Split('.')[0]);
    }

    [Fact]
    public async Task StartAsync_RefusesStrangers_WhenThePasswordIsWrong()
    {
        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(cancellationToken: Token);

        var e = await Assert.ThrowsAsync<PostgresException>(
            () => Query.RunAsync(postgres.ConnectionString + "x", "select 1", Token));

        Assert.Equal("28P01", e.SqlState);
    }

    [Fact]
    public async Task StartAsync_GivesTwoServers_WhenCalledTwice()
    {
        Task<EmbeddedPostgres> starting = EmbeddedPostgres.StartAsync(cancellationToken: Token);
        await using EmbeddedPostgres one = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        await using EmbeddedPostgres two = await starting;

        await Query.RunAsync(one, "create table here()", Token);

        Assert.NotEqual(one.Port, two.Port);
        Assert.Equal(true, await Query.RunAsync(two, "select to_regclass('here') is null", Token));
    }

    [Fact]
    public async Task StartAsync_AppliesSettings_WhenGiven()
    {
        var options = new EmbeddedPostgresOptions
        {
            Settings = new Dictionary<string, string> { ["max_prepared_transactions"] = "7", ["application_name"] = "a b=c" },
        };
        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(options, Token);

        Assert.Equal("7", await Query.RunAsync(postgres, "show max_prepared_transactions", Token));
        Assert.Equal("a b=c", await Query.RunAsync(postgres, "show application_name", Token));
        Assert.Equal("on", await Query.RunAsync(postgres, "show fsync", Token));
    }

    [Fact]
    public async Task StartAsync_ShowsTheLog_WhenTheServerRefuses()
    {
        var options = new EmbeddedPostgresOptions { Settings = new Dictionary<string, string> { ["no_such_setting"] = "1" } };

        var e = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => EmbeddedPostgres.StartAsync(options, Token));

        Assert.Contains("unrecognized configuration parameter \"no_such_setting\"", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StartAsync_NamesThePort_WhenItIsInUse()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;

        var e = await Assert.ThrowsAsync<EmbeddedPostgresException>(
            () => EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions { Port = port }, Token));

        Assert.StartsWith($"Port {port} is in use", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StartAsync_RunsAsNobody_WhenRootHasNoAccountForPostgres()
    {
        Need.Root();
        Surroundings surroundings = Surroundings.Current with { Account = new ServerAccount("nobody") };

        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(), surroundings, Token);

        Assert.Equal(1, await Query.RunAsync(postgres, "select 1", Token));
    }

    [Fact]
    public async Task StartAsync_LeavesNothing_WhenCancelled()
    {
        using var folder = new TemporaryFolder();
        using var source = new CancellationTokenSource();
        string kept = folder["kept"];
        Task<EmbeddedPostgres> starting = EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions { DataDirectory = kept }, source.Token);
        await Waiting.ForAsync("initdb begins", () => Directory.Exists(Path.Combine(kept, "data.new")));

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => starting);
        Assert.False(Directory.Exists(Path.Combine(kept, "data")));
        await using EmbeddedPostgres again = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions { DataDirectory = kept }, Token);
        Assert.Equal(1, await Query.RunAsync(again, "select 1", Token));
    }

    [Fact]
    public async Task DisposeAsync_RemovesServerAndFolder_WhenTheFolderIsTemporary()
    {
        EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        int processId = postgres.ProcessId!.Value;
        Assert.True(Waiting.IsRunning(processId));

        await postgres.DisposeAsync();
        await postgres.DisposeAsync();

        Assert.False(Waiting.IsRunning(processId));
        Assert.False(Directory.Exists(postgres.DataDirectory));
    }
}
