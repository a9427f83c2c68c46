using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Tpq.Internal.Overview;

namespace Tpq.Cli.Commands;

static class DashboardCommand
{
    static readonly Option<int?> Port = Number.Option("--port", "The port on 127.0.0.1. Default: 0, a free one.", least: 0, most: 65535);

    static readonly Option<bool> AllowWrites = new("--allow-writes")
    {
        Description = "Let the dashboard put, move, redrive, delete and clear messages, and pause queues. Without it, it only reads.",
    };

    static readonly Option<bool> Open = new("--open") { Description = "Open it in the browser." };

    public static Command Create()
    {
        var command = new Verb("dashboard",
            "Serve a page with all queues, live: their messages, dead letters, and what is in hand by whom. To this machine only, until Ctrl+C.",
            "tpq dashboard --open",
            "tpq dashboard --port=8077 --allow-writes")
        {
            Port, AllowWrites, Open,
        };
        command.SetAction((parse, cancellationToken) => Session.RunAsync(
            parse, new Intent("serve the dashboard"), session => ServeAsync(parse, session, cancellationToken)));
        return command;
    }

    static async Task<int> ServeAsync(ParseResult parse, Session session, CancellationToken cancellationToken)
    {
        // A database that is not there is said here, and not on a page that nobody has opened yet.
        await new OverviewReader(session.Client).ReadAsync(cancellationToken);
        await using WebApplication app = Build(session.Client, parse.GetValue(Port) ?? 0, parse.GetValue(AllowWrites));
        await StartAsync(app, parse.GetValue(Port) ?? 0, cancellationToken);
        string address = app.Urls.Single() + "/";
        await StandardOutput.WriteTextAsync(address + "\n", cancellationToken);
        session.Say($"The dashboard of database {Display.Quote(session.Database)} is served until Ctrl+C{(parse.GetValue(AllowWrites) ? "" : "; it only reads (--allow-writes)")}.");
        if (parse.GetValue(Open))
            OpenBrowser(session, address);
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        }
        finally
        {
            await app.StopAsync(CancellationToken.None);
        }
        return ExitCode.Done;
    }

    static WebApplication Build(TpqClient client, int port, bool allowWrites)
    {
        // Nothing of the environment's and no files: what is not asked for is not there.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, port);
        });
        builder.Services.AddRoutingCore();
        if (allowWrites)
        {
            builder.Services.AddAntiforgery(antiforgery => antiforgery.Cookie.SameSite = Microsoft.AspNetCore.Http.SameSiteMode.Strict);
            builder.Services.AddDataProtection().UseEphemeralDataProtectionProvider();
        }
        WebApplication app = builder.Build();
        app.MapTpqDashboard("/", dashboard => (dashboard.Client, dashboard.AllowWrites) = (client, allowWrites));
        return app;
    }

    static async Task StartAsync(WebApplication app, int port, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new CliException($"Could not serve the dashboard: port {port} of 127.0.0.1 cannot be listened on: {(e.InnerException ?? e).Message}", ExitCode.Unusable, e);
        }
    }

    static void OpenBrowser(Session session, string address)
    {
        try
        {
            using Process? browser = Process.Start(new ProcessStartInfo(address) { UseShellExecute = true });
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            session.Say($"No browser could be opened ({e.Message}): open {address} yourself.");
        }
    }
}
