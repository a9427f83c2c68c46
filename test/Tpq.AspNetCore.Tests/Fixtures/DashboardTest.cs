using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Tpq.AspNetCore.Tests.Fixtures;

/// <summary>A test with queues in a schema of its own, and an application on a port of its own that has a dashboard of them.</summary>
public abstract class DashboardTest(Server server) : IAsyncLifetime
{
    WebApplication? _app;
    HttpClient? _http;

    protected Server Server => server;

    protected string Schema { get; } = $"tpq_web_{Guid.NewGuid():N}";

    protected TpqClient Client { get; private set; } = null!;

    /// <summary>With cookies, and without following redirects.</summary>
    protected HttpClient Http => _http!;

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await ExecuteAsync($"CREATE SCHEMA {Schema}");
        Client = new TpqClient(
            $"{Tpq.Internal.ConnectionUrl.Parse(server.Url, "TPQ_TEST_URL").ConnectionString};Application Name={Schema}", new TpqClientOptions { Schema = Schema });
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _http?.Dispose();
        if (_app is not null)
            await _app.DisposeAsync();
        await Client.DisposeAsync();
        await ExecuteAsync($"SET lock_timeout = '20s'; DROP SCHEMA IF EXISTS {Schema} CASCADE; RESET lock_timeout");
    }

    /// <param name="allowWrites">Whether it may write.</param>
    /// <param name="services">What the application has beside it.</param>
    /// <param name="pipeline">What comes before the endpoints.</param>
    /// <param name="conventions">What is said of the dashboard's endpoints.</param>
    /// <param name="client">Whose queues are shown; null for the test's own.</param>
    protected async Task StartAsync(
        bool allowWrites = false, Action<IServiceCollection>? services = null, Action<WebApplication>? pipeline = null, Action<IEndpointConventionBuilder>? conventions = null,
        TpqClient? client = null)
    {
        if (_app is not null)
            await _app.DisposeAsync();
        _http?.Dispose();
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        builder.Services.AddAntiforgery();
        builder.Services.AddDataProtection().UseEphemeralDataProtectionProvider();
        services?.Invoke(builder.Services);
        _app = builder.Build();
        pipeline?.Invoke(_app);
        IEndpointConventionBuilder dashboard = _app.MapTpqDashboard(configure: options =>
        {
            options.Client = client ?? Client;
            options.AllowWrites = allowWrites;
            options.RefreshInterval = TimeSpan.FromMilliseconds(200);
        });
        conventions?.Invoke(dashboard);
        await _app.StartAsync(Token);
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri(_app.Urls.Single() + "/tpq/") };
    }

    protected async Task<TpqQueue> NewQueueAsync(string name = "orders", params string[] messages)
    {
        TpqQueue queue = Client.Queue(name);
        await queue.CreateAsync(cancellationToken: Token);
        foreach (string message in messages)
            await queue.PutAsync(message, Token);
        return queue;
    }

    protected async Task<JsonElement> GetAsync(string path)
    {
        using HttpResponseMessage response = await Http.GetAsync(path, Token);
        return await ReadAsync(response, HttpStatusCode.OK);
    }

    /// <summary>As the page writes: with a token.</summary>
    protected async Task<JsonElement> PostAsync(string path, object body, HttpStatusCode expected = HttpStatusCode.OK)
    {
        JsonElement token = await GetAsync("api/token");
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        request.Headers.Add(token.GetProperty("header").GetString()!, token.GetProperty("token").GetString());
        using HttpResponseMessage response = await Http.SendAsync(request, Token);
        return await ReadAsync(response, expected);
    }

    protected static async Task<JsonElement> ReadAsync(HttpResponseMessage response, HttpStatusCode expected)
    {
        string text = await response.Content.ReadAsStringAsync(Token);
        Assert.True(response.StatusCode == expected, $"{response.StatusCode}: {text}");
        return JsonDocument.Parse(text).RootElement;
    }

    protected async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = server.Admin.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }
}
