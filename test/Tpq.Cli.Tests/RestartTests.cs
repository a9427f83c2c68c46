using System.Diagnostics;
using Tpq.Cli.Tests.Fixtures;
using Tpq.Embedded;

namespace Tpq.Cli.Tests;

/// <summary>A consumer lives on when its server is restarted. It has a server of its own for that.</summary>
public sealed class RestartTests(Server server) : CommandTest(server)
{
    [Fact]
    public async Task Consume_WaitsOn_WhenTheServerRestartsUnderAWaitForSeveralQueues()
    {
        await using EmbeddedPostgres own = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        await using var client = new TpqClient(own.Url);
        await client.Queue("a").CreateAsync(cancellationToken: Token);
        await client.Queue("b").CreateAsync(cancellationToken: Token);
        using Running running = Start(own, "consume", "a", "b", "--wait=0", "--debug");
        await running.SaysAsync("from queue b");
        await own.RestartAsync(cancellationToken: Token);
        await using var after = new TpqClient(own.Url);
        await after.Queue("b").PutAsync("[1]", Token);
        Assert.Equal("[1]\n", (await running.EndAsync()).With(0).Output);
    }

    [Fact]
    public async Task Consume_SaysThatTheMessageIsBack_WhenTheServerRestartsUnderTheCommand()
    {
        await using EmbeddedPostgres own = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        using Running running = await RestartUnderCommandAsync(own);
        Assert.Contains("The connection was lost; message 1 is back in queue \"orders\"", (await running.EndAsync()).With(3).Error);
        await using var after = new TpqClient(own.Url);
        Assert.Equal(1, await after.Queue("orders").CountAsync(Token));
    }

    [Fact]
    public async Task Follow_SaysThatTheMessageIsBackAndGoesOn_WhenTheServerRestartsUnderTheCommand()
    {
        await using EmbeddedPostgres own = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        using Running running = await RestartUnderCommandAsync(own, "--follow");
        await running.SaysAsync("begun\nbegun\n");
        await using var after = new TpqClient(own.Url);
        await Eventually.TrueAsync(async () => await after.Queue("orders").CountAsync(Token) == 0, () => "the message is removed");
        running.Signal("TERM");
        Assert.Equal("The connection was lost; message 1 of queue \"orders\" is back; going on in 1 s.\n", (await running.EndAsync()).With(130).Error);
    }

    /// <summary>A consumer whose command ran while the server was restarted, and has ended since.</summary>
    async Task<Running> RestartUnderCommandAsync(EmbeddedPostgres own, params string[] options)
    {
        await using (var client = new TpqClient(own.Url))
        {
            await client.Queue("orders").CreateAsync(cancellationToken: Token);
            await client.Queue("orders").PutAsync("7", Token);
        }
        Running running = Start(own, ["consume", "orders", "--exec=echo begun; until test -e go; do sleep 0.05; done", .. options]);
        await running.SaysAsync("begun");
        await own.RestartAsync(cancellationToken: Token);
        await File.WriteAllTextAsync(FilePath("go"), "", Token);
        return running;
    }

    Running Start(EmbeddedPostgres own, params string[] args)
    {
        ProcessStartInfo start = Command(args);
        start.ArgumentList.RemoveAt(1);
        start.ArgumentList.RemoveAt(1);
        start.Environment["TPQ_URL"] = own.Url;
        return new Running(start);
    }
}
