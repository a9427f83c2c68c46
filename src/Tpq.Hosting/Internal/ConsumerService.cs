using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Tpq.Internal;

/// <summary>One consumer. What it cannot go on with it throws, and the host stops, unless told otherwise.</summary>
sealed class ConsumerService(
    string queue, ConsumerService.Consume consume, IServiceProvider provider, IOptionsMonitor<TpqConsumeOptions> options, IHostApplicationLifetime lifetime)
    : BackgroundService
{
    public delegate Task Consume(IServiceProvider provider, TpqQueue queue, TpqConsumeOptions options, CancellationToken stop);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The host stops its services one after the other, all within one time: so every consumer stops, and its grace begins, when the host begins to.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        await StartedAsync(stop.Token).ConfigureAwait(false);
        if (!stop.IsCancellationRequested)
            await consume(provider, provider.GetRequiredKeyedService<TpqQueue>(queue), options.Get(queue), stop.Token).ConfigureAwait(false);
    }

    /// <summary>Handlers may need what other services of the host have yet to start.</summary>
    async Task StartedAsync(CancellationToken stop)
    {
        using var started = CancellationTokenSource.CreateLinkedTokenSource(lifetime.ApplicationStarted, stop);
        await Task.Delay(Timeout.InfiniteTimeSpan, started.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
