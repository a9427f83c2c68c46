using System.Text.Json;
using System.Text.RegularExpressions;
using Tpq.Cli.Tests.Fixtures;

namespace Tpq.Cli.Tests;

public sealed class TopTests(Server server) : CommandTest(server)
{
    [Fact]
    public async Task Once_WritesALineForEachQueue()
    {
        await NewQueueAsync("orders", "1", "2", "3");
        await NewQueueAsync("orders_dead", "4");
        await NewQueueAsync("mails");
        await Client.Queue("mails").PauseAsync(Token);
        await using TpqDelivery held = (await Client.Queue("orders").GetAsync(cancellationToken: Token))!;
        await Client.Queue("orders").PutAsync(new TpqPut("5") { Delay = TimeSpan.FromHours(1) }, Token);
        string[] lines = (await RunAsync("top", "--once")).With(0).Output.TrimEnd().Split('\n');
        Assert.Equal(["queue ready in hand later leased dead oldest consumers", "mails 0 0 0 0 paused"], lines.Take(2).Select(Squeezed));
        Assert.Matches("^orders 3 1 1 0 1 [0-9]+s 1 at work$", Squeezed(lines[2]));
    }

    [Fact]
    public async Task Json_HasWhatAScriptNeeds()
    {
        await NewQueueAsync("orders", "1", "2");
        using JsonDocument top = JsonDocument.Parse((await RunAsync("top", "--once", "--json")).With(0).Output);
        JsonElement orders = Assert.Single(top.RootElement.EnumerateArray());
        Assert.True(orders.GetProperty("puts").GetInt64() >= 0 && orders.GetProperty("takes").GetInt64() >= 0);
        Assert.Equal(("orders", 2, 0, JsonValueKind.Null, false), (orders.GetProperty("queue").GetString(), orders.GetProperty("ready").GetInt64(), orders.GetProperty("in_hand").GetInt64(),
            orders.GetProperty("dead").ValueKind, orders.GetProperty("paused").GetBoolean()));
        Assert.InRange(orders.GetProperty("oldest").GetDateTimeOffset(), DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));
    }

    [Fact]
    public async Task ATerminal_IsRedrawn_UntilQIsPressed()
    {
        await NewQueueAsync("orders", "1", "2");
        using Running running = StartOnTerminal("$TPQ top --interval=0.2");
        await Eventually.TrueAsync(() => Task.FromResult(running.Output.Contains("2 ready", StringComparison.Ordinal)), () => running.Output);
        await Client.Queue("orders").PutAsync("3", Token);
        await Eventually.TrueAsync(() => Task.FromResult(running.Output.Contains("3 ready", StringComparison.Ordinal)), () => running.Output);
        await running.Input.WriteAsync("q"u8.ToArray(), Token);
        await running.Input.FlushAsync(Token);
        (await running.EndAsync()).With(0);
    }

    [Theory]
    [InlineData("\"top\" redraws a terminal, and standard output is none: use --once", "top")]
    [InlineData("--json is for --once.", "top", "--json")]
    public async Task WithoutATerminal_ItSaysWhatToDo(string sentence, params string[] words) =>
        Assert.Contains(sentence, (await RunAsync(words)).With(2).Error, StringComparison.Ordinal);

    [Fact]
    public async Task Stats_TellsOfOneQueue_AndOfWhoHasItsMessages()
    {
        await NewQueueAsync("orders", "1", "2", "3");
        await using TpqDelivery held = (await Client.Queue("orders").GetAsync(cancellationToken: Token))!;
        string[] lines = [.. (await RunAsync("stats", "orders")).With(0).Output.TrimEnd().Split('\n').Select(Squeezed)];
        Assert.Contains("ready 3", lines);
        Assert.Contains("in hand 1", lines);
        Assert.Contains(lines, line => Regex.IsMatch(line, $"^at work process {held.Connection.ProcessID}, .*idle in transaction, for [0-9]+s$"));
        using JsonDocument stats = JsonDocument.Parse((await RunAsync("stats", "orders", "--json")).With(0).Output);
        Assert.Equal(held.Connection.ProcessID, Assert.Single(stats.RootElement.GetProperty("consumers").EnumerateArray()).GetProperty("process").GetInt32());
        Assert.True(stats.RootElement.GetProperty("table_bytes").GetInt64() > 0);
    }

    /// <summary>Nobody has put or taken anything, though creating it has written rows.</summary>
    [Fact]
    public async Task Stats_OfANewQueue_HasNoPutsAndNoTakes()
    {
        await NewQueueAsync("orders");
        Assert.DoesNotContain("taken", (await RunAsync("stats", "orders")).With(0).Output, StringComparison.Ordinal);
        using JsonDocument stats = JsonDocument.Parse((await RunAsync("stats", "orders", "--json")).With(0).Output);
        Assert.False(stats.RootElement.TryGetProperty("puts", out _) || stats.RootElement.TryGetProperty("takes", out _));
    }

    [Fact]
    public async Task Stats_NamesAQueueThatIsMissing() =>
        Assert.Contains("nowhere", (await RunAsync("stats", "nowhere")).With(3).Error, StringComparison.Ordinal);

    [Fact]
    public async Task Stats_SteersNoTerminal()
    {
        await NewQueueAsync("odd\u001b[31m");
        Assert.StartsWith("of the queue odd\\u001b[31m\n", (await RunAsync("stats", "odd\u001b[31m")).With(0).Output, StringComparison.Ordinal);
    }

    /// <summary>A producer may count the queue, and not read it: to be told to create it would lead him astray.</summary>
    [Fact]
    public async Task Stats_SaysThatTheRoleMayNotRead()
    {
        string role = $"{Schema}_role";
        await NewQueueAsync("orders", "1");
        await ExecuteAsync($"CREATE ROLE {role} LOGIN PASSWORD 'geheim'; GRANT USAGE ON SCHEMA {Schema} TO {role}; GRANT INSERT (data), SELECT (id) ON {Schema}.tpq_orders TO {role}");
        try
        {
            string error = (await RunAsync("stats", "orders", $"--url={Server.UrlFor(role, "geheim")}")).With(3).Error;
            Assert.Contains("permission denied for table tpq_orders (42501)", error, StringComparison.Ordinal);
        }
        finally
        {
            await ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    static string Squeezed(string line) => Regex.Replace(line.Trim(), " +", " ");
}
