using System.Text;
using CsCheck;
using Npgsql;
using Tpq.Cli;
using Tpq.Cli.Tests.Fixtures;
using Tpq.Fuzz.Tests.Fixtures;
using Tpq.Internal;
using Server = Tpq.Tests.Fixtures.Server;

namespace Tpq.Fuzz.Tests;

/// <summary>Names in every place that builds SQL, beside a table that has nothing to do with it.</summary>
public sealed class HostileNames(Server server) : CommandFuzz(server)
{
    static readonly Gen<string> Queue = Names.UpTo(30).Where(n => !n.EndsWith("_later", StringComparison.Ordinal) && !n.EndsWith("_dead", StringComparison.Ordinal));

    static readonly Gen<string> SchemaName = Unreserved(63).Where(n => n is not ("public" or "information_schema"));

    /// <summary>Names that PostgreSQL does not keep for schemas and roles of its own.</summary>
    static Gen<string> Unreserved(int bytes) => Names.UpTo(bytes).Where(n => !n.StartsWith("pg_", StringComparison.Ordinal));

    /// <summary>Passwords that are the same to both sides: the server normalizes one before it makes a verifier of it, the command does not (docs/configuration.md).</summary>
    static readonly Gen<string> Password = Gen.OneOf(Gen.Char['\u0001', '\u007f'].Select(c => c.ToString()), Gen.OneOf((string[])["é", "ß", "ш", "שלום", "😀", "\\'", "$$"]))
        .Array[1, 20].Select(string.Concat).Where(p => !p.EndsWith('\n'));

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await ExecuteAsync($"CREATE TABLE IF NOT EXISTS \"{Schema}\".canary AS SELECT 'alive' AS state");
    }

    [Fact]
    public async Task Library_DoesEverything() => await Gen.Select(Queue, SchemaName, Names.UpTo(15), Names.UpTo(63)).SampleAsync(async (name, schema, prefix, application) =>
    {
        await ExecuteAsync($"CREATE SCHEMA {Identifier.Quote(schema)}; SET search_path TO \"{Schema}\"");
        try
        {
            var settings = new NpgsqlConnectionStringBuilder(Server.KeywordsOf(Server.Url)) { ApplicationName = application, SearchPath = $"\"{Schema}\"" };
            await using var client = new TpqClient(settings.ConnectionString, new TpqClientOptions { Schema = schema, TablePrefix = prefix });
            await WorksAsync(client, name);
        }
        finally
        {
            await ExecuteAsync($"DROP SCHEMA {Identifier.Quote(schema)} CASCADE");
        }
        await LivesAsync();
    }, iter: Amount.Of(12), threads: 1);

    /// <summary>Names that look the same are not.</summary>
    [Fact]
    public async Task NamesAreBytes()
    {
        string[] names = ["é", "e\u0301", "Orders", "orders", "ORDERS", "orders ", " orders", "İ", "i", "ﬁ", "fi", "ß", "ss", "orders\u200b"];
        foreach (string name in names)
            await Client.Queue(name).CreateAsync(cancellationToken: Token);
        foreach (string name in names)
            await Client.Queue(name).PutManyAsync([$"\"{name}\""], Token);
        foreach (string name in names)
            Assert.Equal([$"\"{name}\""], await DrainAsync(Client.Queue(name)));
        Assert.Equal(names.Order(StringComparer.Ordinal), (await Client.ListAsync(Token)).Select(q => q.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Command_DoesEverything() => await Gen.Select(Queue, Names.UpTo(15)).SampleAsync(async (name, prefix) =>
    {
        string[] where = [$"--schema={Schema}", $"--prefix={prefix}"];
        string dead = name + "_dead";
        await QuietAsync("1\n2\n3", [.. where, "put", "--lines", "--create", "--", name]);
        Assert.Equal("3\n", (await QuietAsync("", [.. where, "count", "--", name])).Output);
        await QuietAsync("", [.. where, "pause", "--", name]);
        await QuietAsync("", [.. where, "resume", "--", name]);
        Assert.Contains("1", (await QuietAsync("", [.. where, "get", "--", name])).Output, StringComparison.Ordinal);
        await QuietAsync("", [.. where, "get", "--follow", "--max-attempts=1", "--wait=0.2", "--exec=exit 1", "--", name], ExitCode.Empty);
        await QuietAsync("", [.. where, "move", "--", dead, name]);
        Assert.Equal(2, (await QuietAsync("", [.. where, "peek", "--json", "--", name])).Output.Split("\"data\"").Length - 1);
        string listed = (await QuietAsync("", [.. where, "list", "--json"])).Output;
        Assert.Equal([name, dead], System.Text.Json.JsonDocument.Parse(listed).RootElement.EnumerateArray().Select(q => q.GetProperty("queue").GetString()));
        await QuietAsync("", [.. where, "list"]);
        await QuietAsync("", [.. where, "drop", "--yes", "--", name]);
        await QuietAsync("", [.. where, "drop", "--yes", "--", dead]);
        Assert.Equal("[]\n", (await QuietAsync("", [.. where, "list", "--json"])).Output);
        await LivesAsync();
    }, iter: Amount.Of(1), threads: 1);

    /// <summary>The statements that the command writes, run as they are, make the queue that the library makes.</summary>
    [Fact]
    public async Task Script_MakesTheQueue() => await Gen.Select(Queue, Names.UpTo(15)).SampleAsync(async (name, prefix) =>
    {
        await using var client = new TpqClient(Server.KeywordsOf(Server.Url), new TpqClientOptions { Schema = Schema, TablePrefix = prefix });
        await ExecuteAsync(client.Queue(name).CreateScript());
        Assert.False(await client.Queue(name).CreateAsync(cancellationToken: Token));
        Assert.False(await client.Queue(name).UpgradeAsync(Token));
        await client.Queue(name).DropAsync(Token);
        await LivesAsync();
    }, iter: Amount.Of(12), threads: 1);

    [Fact]
    public async Task ADatabaseAndARole_AreNamedInTheUrl() => await Gen.Select(Names.UpTo(31), Unreserved(31), Password).SampleAsync(async (database, role, password) =>
    {
        // They are the whole server's.
        (database, role) = (database + Schema[^20..], role + Schema[^20..]);
        await ExecuteAsync($"CREATE ROLE {Identifier.Quote(role)} LOGIN SUPERUSER PASSWORD {Identifier.Literal(password)}");
        await ExecuteAsync($"CREATE DATABASE {Identifier.Quote(database)}");
        try
        {
            var server = new Uri(Server.Url);
            string url = $"postgresql://{Uri.EscapeDataString(role)}:{Uri.EscapeDataString(password)}@{server.Host}:{server.Port}/{Uri.EscapeDataString(database)}";
            await using (var client = new TpqClient(url))
                await WorksAsync(client, "orders");
            Ended ended = await RunAsync([], ["count", "nope"], ("TPQ_URL", url));
            Assert.Equal(ExitCode.Unusable, ended.ExitCode);
            Assert.Contains("there is no such queue", ended.Error, StringComparison.Ordinal);
            Assert.Single(ended.Error, '\n');
        }
        finally
        {
            await ExecuteAsync($"DROP DATABASE {Identifier.Quote(database)} WITH (FORCE)");
            await ExecuteAsync($"DROP ROLE {Identifier.Quote(role)}");
        }
    }, iter: Amount.Of(1), threads: 1);

    static async Task WorksAsync(TpqClient client, string name)
    {
        TpqQueue queue = client.Queue(name), dead = client.Queue(name + "_dead");
        Assert.True(await queue.CreateAsync(cancellationToken: Token));
        Assert.True(await queue.ExistsAsync(Token));
        Assert.False(await queue.UpgradeAsync(Token));
        Task<TpqDelivery?> get = queue.GetAsync(TimeSpan.FromMinutes(1), Token);
        await queue.PutAsync("1", Token);
        await using (TpqDelivery first = (await get)!)
        {
            Assert.Equal(name, first.Message.Queue);
            await first.RetryAsync(TimeSpan.Zero, name, Token);
        }
        await using (TpqLeaseBatch leases = (await queue.LeaseAsync(1, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1), Token))!)
        {
            Assert.Equal(name, leases[0].Message.Headers["tpq-error"]);
            await leases[0].DeadLetterAsync(name, Token);
        }
        Assert.Equal(name, (await dead.PeekAsync(1, Token))[0].Message.Headers["tpq-queue"]);
        Assert.Equal(1, await dead.MoveToAsync(queue, cancellationToken: Token));
        Assert.True(await queue.PauseAsync(Token));
        Assert.True(await queue.ResumeAsync(Token));
        await queue.PutManyAsync(["2", "3", "4"], Token);
        Assert.Equal([(name, 4), (dead.Name, 0)], (await client.ListAsync(Token)).Select(q => (q.Name, (int)q.Count)));
        Assert.True(await queue.DeleteAsync((await queue.PeekAsync(1, Token))[0].Message.Id, Token));
        Assert.Equal(3, await queue.ClearAsync(Token));
        await queue.DropAsync(Token);
        await dead.DropAsync(Token);
        Assert.Empty(await client.ListAsync(Token));
    }

    async Task<Ended> QuietAsync(string input, string[] args, int exitCode = ExitCode.Done) => (await RunAsync(Encoding.UTF8.GetBytes(input), ["--quiet", .. args])).With(exitCode);

    async Task LivesAsync() => Assert.Equal("alive", await ScalarAsync<string>($"SELECT string_agg(state, ',') FROM \"{Schema}\".canary"));
}
