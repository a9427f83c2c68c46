using System.Net;
using System.Net.Sockets;
using Tpq.Cli.Tests.Fixtures;

namespace Tpq.Cli.Tests;

public sealed class DashboardTests(Server server) : CommandTest(server)
{
    [Fact]
    public async Task ThePageIsServed_UntilItIsStopped()
    {
        await Client.Queue("orders").CreateAsync(cancellationToken: Token);
        using Running running = Start("dashboard");
        Uri address = await AddressAsync(running);
        Assert.True(IPAddress.IsLoopback(IPAddress.Parse(address.Host)));
        using var http = new HttpClient { BaseAddress = address };
        Assert.Contains("main.js", await http.GetStringAsync("", Token), StringComparison.Ordinal);
        // An open page does not keep it from stopping.
        using var events = new StreamReader(await http.GetStreamAsync("api/events", Token));
        await events.ReadLineAsync(Token);
        Assert.Contains("\"name\":\"orders\"", await events.ReadLineAsync(Token), StringComparison.Ordinal);
        using HttpResponseMessage refused = await http.PostAsync("api/clear", new StringContent("""{"queue": "orders"}""", null, "application/json"), Token);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        running.Signal("TERM");
        (await running.EndAsync()).With(130);
    }

    [Fact]
    public async Task WithAllowWrites_ItGivesTokens()
    {
        using Running running = Start("dashboard", "--allow-writes");
        using var http = new HttpClient { BaseAddress = await AddressAsync(running) };
        Assert.Contains("token", await http.GetStringAsync("api/token", Token), StringComparison.Ordinal);
        running.Signal("TERM");
        (await running.EndAsync()).With(130);
    }

    [Fact]
    public async Task APortThatIsInUse_AndADatabaseThatIsNotThere_AreSaid()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        int port = ((IPEndPoint)other.LocalEndpoint).Port;
        Assert.Contains($"port {port} of 127.0.0.1", (await RunAsync("dashboard", $"--port={port}")).With(3).Error, StringComparison.Ordinal);
        Assert.Contains("cannot be reached", (await RunAsync("dashboard", "--url=postgresql://nobody@127.0.0.1:1/nowhere")).With(3).Error, StringComparison.Ordinal);
    }

    static async Task<Uri> AddressAsync(Running running)
    {
        await running.SaysAsync("is served until Ctrl+C");
        return new Uri(running.Output);
    }
}
