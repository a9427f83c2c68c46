using System.Diagnostics;
using Tpq.Cli.Tests.Fixtures;

namespace Tpq.Cli.Tests;

public sealed class FailureTests(Server server) : CommandTest(server)
{
    [Fact]
    public async Task Command_Exits3_WhenNoDatabaseIsConfigured()
    {
        ProcessStartInfo start = Command("consume", "orders");
        start.Environment.Remove("TPQ_URL");
        using var running = new Running(start);
        Assert.StartsWith("No database is configured: set TPQ_URL,", OneLine((await running.EndAsync()).With(3)));
    }

    [Fact]
    public async Task Command_NamesHostPortAndDatabase_WhenNobodyAnswers() => Assert.Equal(
        "Could not read from queue \"orders\": database \"foobar\" on host 127.0.0.1, port 1 cannot be reached: Connection refused.\n",
        (await RunAsync("consume", "orders", "--url=postgresql://joe:geheim@127.0.0.1:1/foobar")).With(3).Error);

    [Fact]
    public async Task Command_NamesTheDatabase_WhenItDoesNotExist()
    {
        string url = new UriBuilder(Server.Url) { Path = "/nowhere" }.Uri.AbsoluteUri;
        string error = OneLine((await RunAsync("list", $"--url={url}")).With(3));
        Assert.Contains("database \"nowhere\" does not exist", error);
        Assert.StartsWith("Could not list the queues: ", error);
    }

    [Theory]
    [InlineData("put one into TPQ_URL, or into TPQ_PASS where TPQ_URL is not set.\n", false)]
    [InlineData("put one into --url, as into TPQ_URL and TPQ_PASS.\n", true)]
    public async Task Command_SaysThatAPasswordIsMissing_WhenTheServerWantsOne(string end, bool asOption)
    {
        string url = new UriBuilder(Server.Url) { Password = "" }.Uri.AbsoluteUri;
        ProcessStartInfo start = Command(["consume", "orders", .. asOption ? [$"--url={url}"] : Array.Empty<string>()]);
        start.Environment["TPQ_URL"] = url;
        // Where there is no .pgpass.
        start.Environment["HOME"] = Folder;
        using var running = new Running(start);
        string error = OneLine((await running.EndAsync()).With(3));
        Assert.Contains(" wants a password, and none was given: ", error);
        Assert.EndsWith(end, error);
    }

    [Theory]
    [InlineData("TPQ_TABLE_PREFIX is longer than 56 bytes", "list")]
    [InlineData("TPQ_TABLE_PREFIX cannot be used: The table prefix", "list", "--url=postgresql://127.0.0.1:1/x")]
    [InlineData("TPQ_TABLE_PREFIX cannot be used: The table prefix", "schema", "orders")]
    public async Task Command_NamesTheVariable_WhenThePrefixIsTooLong(string sentence, params string[] args)
    {
        ProcessStartInfo start = Command(args);
        start.Environment["TPQ_TABLE_PREFIX"] = new string('p', 57);
        using var running = new Running(start);
        Assert.StartsWith(sentence, OneLine((await running.EndAsync()).With(3)));
    }

    [Theory]
    [InlineData("--url=http://x")]
    [InlineData("--url=nonsense")]
    [InlineData("--url=Database=x")]
    public async Task Command_NamesTheOption_WhenTheUrlIsWrong(string url) =>
        Assert.Matches("^--url (is|names) ", OneLine((await RunAsync("list", url)).With(3)));

    [Theory]
    [InlineData("(tpq create --prefix=job. 'my queue' makes it)", "--prefix=job.", "my queue")]
    [InlineData("(tpq create --prefix='' -- -odd makes it)", "--prefix=", "--", "-odd")]
    [InlineData("(tpq create orders makes it)", "orders")]
    public async Task Hint_HasTheOptionsThatWereGiven(string hint, params string[] args)
    {
        ProcessStartInfo start = Command(["count", .. args]);
        start.ArgumentList.RemoveAt(1);
        start.ArgumentList.RemoveAt(1);
        start.Environment["TPQ_TABLE_PREFIX"] = $"{Schema}_";
        using var running = new Running(start);
        Assert.Contains(hint, (await running.EndAsync()).With(3).Error);
    }

    [Fact]
    public async Task Command_SaysWhatTheServerSays_WhenItIsRefused()
    {
        string role = $"{Schema}_role";
        await NewQueueAsync("orders", "1");
        await ExecuteAsync($"CREATE ROLE {role} LOGIN PASSWORD 'geheim'; GRANT USAGE ON SCHEMA {Schema} TO {role}");
        try
        {
            string error = OneLine((await RunAsync("consume", "orders", $"--url={Server.UrlFor(role, "geheim")}")).With(3));
            Assert.StartsWith("Could not read from queue \"orders\": ", error);
            Assert.Contains("permission denied for table tpq_orders (42501)", error);
        }
        finally
        {
            await ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    [Theory]
    [InlineData("--url=http://x")]
    [InlineData("--url=postgresql://joe:geheim@host:port/x")]
    [InlineData("--url=postgresql://joe:geheim@127.0.0.1:1/x")]
    [InlineData("--url=Host=127.0.0.1;Port=1;Password=geheim;Nonsense=1")]
    public async Task Command_NeverShowsThePassword(string url)
    {
        Assert.DoesNotContain("geheim", OneLine((await RunAsync("consume", "orders", url)).With(3)));
        Assert.DoesNotContain("geheim", (await RunAsync("consume", "orders", url, "--debug")).With(3).Error);
    }

    [Fact]
    public async Task StackTrace_IsShown_OnlyWhenDebugging()
    {
        OneLine((await RunAsync("consume", "nope")).With(3));
        Assert.Contains("   at Tpq.", (await RunAsync("consume", "nope", "--debug")).With(3).Error);
    }

    [Fact]
    public async Task Url_GoesBeforeTheEnvironment()
    {
        await NewQueueAsync("orders", "1");
        ProcessStartInfo start = Command("consume", "orders", "--url", Server.Url);
        start.Environment["TPQ_URL"] = "postgresql://127.0.0.1:1/x";
        using var running = new Running(start);
        Assert.Equal("1\n", (await running.EndAsync()).With(0).Output);
    }

    [Theory]
    [InlineData("--prefix", "job.")]
    [InlineData("--prefix", "")]
    [InlineData(null, "fromenv_")]
    public async Task Prefix_StandsBeforeTheQueue(string? option, string prefix)
    {
        string[] options = option is null ? [] : [$"{option}={prefix}"];
        ProcessStartInfo start = Command(["create", "orders", .. options]);
        start.Environment["TPQ_TABLE_PREFIX"] = "fromenv_";
        using var running = new Running(start);
        (await running.EndAsync()).With(0);
        Assert.Equal(1L, await ScalarAsync<long>($"SELECT count(*) FROM pg_tables WHERE schemaname = '{Schema}' AND tablename = '{prefix}orders'"));
    }

    static string OneLine(Ended ended)
    {
        Assert.Equal(1, ended.Error.Count(c => c == '\n'));
        return ended.Error;
    }
}
