using System.Text.Json;
using Tpq.Cli.Tests.Fixtures;

namespace Tpq.Cli.Tests;

public sealed class DoctorTests(Server server) : CommandTest(server)
{
    [Fact]
    public async Task Doctor_SaysHealthy_AndExits0()
    {
        await NewQueueAsync("orders", "1");
        Assert.Equal("Healthy: examined 1 queue and the server.\n", (await RunAsync("doctor")).With(0).Output);
        Assert.Equal("[]\n", (await RunAsync("doctor", "orders", "--json")).With(0).Output);
    }

    [Fact]
    public async Task Doctor_GroupsBySeverity_AndExitsByTheWorst()
    {
        await NewQueueAsync("info");
        await ExecuteAsync($"ALTER TABLE {Schema}.tpq_info SET (vacuum_truncate = on)");
        Assert.Equal(
            $"""
            Worth knowing (1)
              info: The table's settings are not those that tpq gives a queue. [storage]
                {Schema}.tpq_info has: autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0, vacuum_truncate=on.
                > ALTER TABLE {Schema}.tpq_info SET (vacuum_truncate = off)

            Healthy: examined 1 queue and the server.

            """, (await RunAsync("doctor")).With(0).Output);

        await NewQueueAsync("it's [red]");
        await ExecuteAsync($"ALTER TABLE {Schema}.\"tpq_it's [red]_later\" DROP COLUMN lease, DROP COLUMN due_at; ALTER TABLE {Schema}.tpq_info DISABLE TRIGGER tpq_ring");
        string[] lines = (await RunAsync("doctor")).With(6).Output.Split('\n');
        Assert.Equal(["Errors (1)", "Warnings (1)", "Worth knowing (1)", "Sick: examined 2 queues and the server."], lines.Where(l => l.Length > 0 && l[0] != ' '));
        Assert.StartsWith("  it's [red]: Something else has the name", lines[1], StringComparison.Ordinal);

        Assert.Contains("Warnings (1)", (await RunAsync("doctor", "info")).With(5).Output);
        await ExecuteAsync($"DROP TABLE {Schema}.\"tpq_it's [red]_later\"");
        Assert.Contains($"    > tpq upgrade --schema={Schema} 'it'\\''s [red]'\n", (await RunAsync("doctor", "it's [red]")).With(5).Output);
    }

    [Fact]
    public async Task Doctor_WritesAnArray_WhenJsonIsAskedFor()
    {
        await NewQueueAsync("orders");
        await ExecuteAsync($"ALTER TABLE {Schema}.tpq_orders DISABLE TRIGGER tpq_ring");
        using var json = JsonDocument.Parse((await RunAsync("doctor", "--json")).With(5).Output);
        JsonElement finding = Assert.Single(json.RootElement.EnumerateArray());
        Assert.Equal(["severity", "check", "queue", "title", "evidence", "remedy"], finding.EnumerateObject().Select(p => p.Name));
        Assert.Equal(("warning", "trigger", "orders", $"ALTER TABLE {Schema}.tpq_orders ENABLE TRIGGER tpq_ring"), (
            finding.GetProperty("severity").GetString(), finding.GetProperty("check").GetString(), finding.GetProperty("queue").GetString(), finding.GetProperty("remedy").GetString()));
    }

    [Fact]
    public async Task Doctor_ShowsColours_OnATerminal_AndNoneElsewhere()
    {
        await NewQueueAsync("orders");
        await ExecuteAsync($"ALTER TABLE {Schema}.tpq_orders DISABLE TRIGGER tpq_ring");
        Assert.DoesNotContain("\u001b", (await RunAsync("doctor")).With(5).Output);
        string output = (await OnTerminalAsync("stty cols 40; $TPQ doctor", "")).With(5).Output;
        Assert.Contains("\u001b[", output);
        Assert.Contains($"> ALTER TABLE {Schema}.tpq_orders ENABLE TRIGGER tpq_ring", output);
    }

    [Fact]
    public async Task Doctor_NeedsQueuesThatAreThere()
    {
        Assert.Contains("Could not examine queue \"nope\": there is no such queue", (await RunAsync("doctor", "nope")).With(3).Error);
        Assert.Contains("is empty", (await RunAsync("doctor", "")).With(2).Error);
    }
}
