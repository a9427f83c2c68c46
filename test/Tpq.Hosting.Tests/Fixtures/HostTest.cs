using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Tpq.Tests.Fixtures;

namespace Tpq.Hosting.Tests.Fixtures;

/// <summary>A test with a host whose queues live in the schema of the test. Its container is as strict as containers get.</summary>
public abstract class HostTest : DatabaseTest
{
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    readonly List<IHost> _hosts = [];

    protected HostTest(Server server) : base(server)
    {
        App = NewApp();
        Tpq = AddTpq(App);
    }

    /// <summary>The application before it is built.</summary>
    protected HostApplicationBuilder App { get; }

    protected TpqBuilder Tpq { get; }

    /// <summary>What the host's logger factory got, from whomever.</summary>
    protected FakeLogCollector Logs { get; } = new();

    protected IEnumerable<FakeLogRecord> Complaints => Logs.GetSnapshot().Where(r => r.Level >= LogLevel.Warning);

    public override async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        foreach (IHost host in _hosts)
            await ((IAsyncDisposable)host).DisposeAsync();
        await base.DisposeAsync();
    }

    protected HostApplicationBuilder NewApp()
    {
        var app = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        app.ConfigureContainer(new DefaultServiceProviderFactory(new ServiceProviderOptions { ValidateScopes = true, ValidateOnBuild = true }));
        app.Logging.SetMinimumLevel(LogLevel.Debug).AddProvider(new FakeLoggerProvider(Logs));
        return app;
    }

    protected TpqBuilder AddTpq(HostApplicationBuilder app) => app.Services.AddTpq(Server.Url, o => o.Schema = Schema);

    protected void Set(string key, string? value) => App.Configuration.AddInMemoryCollection([new(key, value)]);

    protected IHost Build(HostApplicationBuilder? app = null)
    {
        IHost host = (app ?? App).Build();
        _hosts.Add(host);
        return host;
    }

    protected async Task<IHost> StartAsync(HostApplicationBuilder? app = null)
    {
        IHost host = Build(app);
        await host.StartAsync(Token);
        return host;
    }

    protected static async Task<TpqMessage> TakeDeadAsync(TpqQueue queue)
    {
        TpqQueue deadLetters = queue.Client.Queue($"{queue.Name}_dead");
        await EventuallyAsync(() => deadLetters.ExistsAsync(Token), "there is a dead letter queue");
        await using TpqDelivery? dead = await deadLetters.GetAsync(Patience, Token);
        await dead!.CommitAsync(Token);
        return dead.Message;
    }

    /// <summary>Waits until nothing is left in the queue, in hand or not.</summary>
    protected static Task EmptyAsync(TpqQueue queue) => EventuallyAsync(async () => await queue.CountAsync(Token) == 0, "the queue is empty");
}
