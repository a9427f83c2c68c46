using Microsoft.Playwright;
using Npgsql;

namespace Tpq.Dashboard.Tests.Fixtures;

/// <summary>A test with queues in a schema of its own, a dashboard of them, and a page of a browser.</summary>
public abstract class BrowserTest(Server server, Chromium chromium) : IAsyncLifetime
{
    readonly List<string> _complaints = [];
    readonly List<IBrowserContext> _contexts = [];
    Site? _site;

    protected string Schema { get; } = $"tpq_dashboard_{Guid.NewGuid():N}";

    protected TpqClient Client { get; private set; } = null!;

    protected IPage Page { get; private set; } = null!;

    protected Uri Address => _site!.Address;

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>What this page complained of: errors of its scripts, and what its content security policy refused.</summary>
    protected IReadOnlyList<string> Complaints => _complaints;

    public async ValueTask InitializeAsync()
    {
        Chromium.Need();
        await ExecuteAsync($"CREATE SCHEMA {Schema}");
        Client = NewClient();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        foreach (IBrowserContext context in _contexts)
            await context.DisposeAsync();
        if (_site is not null)
            await _site.DisposeAsync();
        if (Client is not null)
            await Client.DisposeAsync();
        // Some at a time, for a schema with thousands takes more locks than a server has, and more time than one statement.
        foreach (string[] some in (await TablesAsync()).Chunk(50))
            await ExecuteAsync($"SET lock_timeout = '20s'; DROP TABLE {string.Join(", ", some)}; RESET lock_timeout");
        await ExecuteAsync($"SET lock_timeout = '20s'; DROP SCHEMA IF EXISTS {Schema} CASCADE; RESET lock_timeout");
    }

    async Task<string[]> TablesAsync()
    {
        await using NpgsqlCommand command = server.Admin.CreateCommand($"""
            SELECT coalesce(array_agg(oid::regclass::text), ARRAY[]::text[]) FROM pg_catalog.pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace('{Schema}')
            """);
        return (string[])(await command.ExecuteScalarAsync(CancellationToken.None))!;
    }

    protected TpqClient NewClient(string? application = null) => new(
        $"{Tpq.Internal.ConnectionUrl.Parse(server.Url, "TPQ_TEST_URL").ConnectionString};Application Name={application ?? Schema}",
        new TpqClientOptions { Schema = Schema });

    protected async Task<TpqQueue> NewQueueAsync(string name = "orders", params string[] messages)
    {
        TpqQueue queue = Client.Queue(name);
        await queue.CreateAsync(cancellationToken: Token);
        foreach (string message in messages)
            await queue.PutAsync(message, Token);
        return queue;
    }

    protected async Task OpenAsync(string hash = "", bool allowWrites = true, BrowserNewContextOptions? options = null, TpqClient? client = null)
    {
        _site ??= await Site.StartAsync(client ?? Client, allowWrites);
        IBrowserContext context = await (await chromium.BrowserAsync()).NewContextAsync(
            options ?? new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = 1280, Height = 800 } });
        _contexts.Add(context);
        Page = await context.NewPageAsync();
        Page.SetDefaultTimeout(20_000);
        Page.PageError += (_, error) => _complaints.Add(error);
        Page.Console += (_, message) =>
        {
            if (message.Type == "error")
                _complaints.Add(message.Text);
        };
        await Page.GotoAsync(Address + hash);
    }

    /// <summary>Another application at the same address.</summary>
    protected async Task RestartSiteAsync(Func<Task> meanwhile)
    {
        int port = Address.Port;
        await _site!.DisposeAsync();
        await meanwhile();
        _site = await Site.StartAsync(Client, allowWrites: true, port);
    }

    protected async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = server.Admin.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    /// <summary>The row of a queue in the page of all of them.</summary>
    protected ILocator Row(string queue) => Page.GetByRole(AriaRole.Table, new() { Name = "Queues" }).GetByRole(AriaRole.Row)
        .Filter(new() { Has = Page.GetByRole(AriaRole.Link, new() { Name = queue, Exact = true }) });

    protected ILocator Button(string name) => Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    protected static ILocatorAssertions Expect(ILocator locator) => Assertions.Expect(locator);
}
