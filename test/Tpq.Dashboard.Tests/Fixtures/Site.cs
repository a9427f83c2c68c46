using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Tpq.Dashboard.Tests.Fixtures;

/// <summary>An application with nothing but a dashboard.</summary>
sealed class Site : IAsyncDisposable
{
    readonly WebApplication _app;

    Site(WebApplication app) => _app = app;

    public Uri Address => new(_app.Urls.Single() + "/tpq/");

    public static async Task<Site> StartAsync(TpqClient client, bool allowWrites, int port = 0)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Services.AddRoutingCore();
        builder.Services.AddAntiforgery();
        // A server that is started again has other keys.
        builder.Services.AddDataProtection().UseEphemeralDataProtectionProvider();
        WebApplication app = builder.Build();
        app.MapTpqDashboard(configure: dashboard =>
        {
            dashboard.Client = client;
            dashboard.AllowWrites = allowWrites;
            dashboard.RefreshInterval = TimeSpan.FromMilliseconds(300);
        });
        await app.StartAsync();
        return new Site(app);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
