using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Npgsql;
using Tpq.Internal;

namespace Tpq;

/// <summary>Adds queues to an application's services.</summary>
public static class TpqServiceCollectionExtensions
{
    /// <summary>
    /// Adds a <see cref="TpqClient"/>, a singleton, over the application's <see cref="NpgsqlDataSource"/> if one is registered, else over the database that the
    /// environment names, as <see cref="TpqClient.FromEnvironment"/> does.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">The client's settings. Its logger factory and, if one is registered, its time provider are the application's unless set here.</param>
    /// <returns>What adds queues and consumers.</returns>
    /// <remarks>
    /// May be called any number of times: there is one client, and every <paramref name="configure"/> applies to it. A <see cref="TpqClient"/> that is
    /// registered already is used as it is. The client is disposed with the host, after the consumers have stopped; a host or provider that has used it must
    /// therefore be disposed asynchronously, or through <c>IHost.Dispose</c>, which does so.
    /// </remarks>
    public static TpqBuilder AddTpq(this IServiceCollection services, Action<TpqClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        return Add(services, Registrations.Of(services), configure);
    }

    /// <summary>Adds a <see cref="TpqClient"/>, a singleton, with a connection pool of its own.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="connectionString">A URL or Npgsql's keywords, as the constructor of <see cref="TpqClient"/> takes them.</param>
    /// <param name="configure">The client's settings. Its logger factory and, if one is registered, its time provider are the application's unless set here.</param>
    /// <returns>What adds queues and consumers.</returns>
    /// <remarks>As the other overload, with which it may be mixed: the connection string then counts, whichever came first.</remarks>
    /// <exception cref="ArgumentException"><paramref name="connectionString"/> is empty.</exception>
    /// <exception cref="InvalidOperationException">It was called before with another connection string: there is one client.</exception>
    public static TpqBuilder AddTpq(this IServiceCollection services, string connectionString, Action<TpqClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(connectionString);
        Registrations registrations = Registrations.Of(services);
        if ((registrations.ConnectionString ?? connectionString) != connectionString)
            throw new InvalidOperationException(
                "AddTpq was called before with another connection string, and adds one client. For a second database make a TpqClient and run its queues' ConsumeAsync.");
        registrations.ConnectionString = connectionString;
        return Add(services, registrations, configure);
    }

    /// <summary>
    /// Adds a check of the host's queues: whether the database is reached, the queues are there and up to date, waiting consumers are told of messages, and what is
    /// configured: the age of the oldest message, and the number of dead letters.
    /// </summary>
    /// <param name="builder">The application's health checks.</param>
    /// <param name="configure">Limits, and which queues; <see langword="null"/>: no limits, and the queues of <see cref="TpqBuilder.AddQueue"/> and the consumers.</param>
    /// <param name="name">The check's name. Default: <c>tpq</c>.</param>
    /// <param name="failureStatus">
    /// What is reported where the database is not reached, or a queue is missing. Default, <see langword="null"/>: <see cref="HealthStatus.Unhealthy"/>. All else that is found
    /// is <see cref="HealthStatus.Degraded"/>: to restart this process would not mend it.
    /// </param>
    /// <param name="tags">Tags, by which checks are chosen.</param>
    /// <param name="timeout">How long it may take. Default, <see langword="null"/>: 5 seconds; <see cref="Timeout.InfiniteTimeSpan"/>: as long as it takes.</param>
    /// <returns><paramref name="builder"/>.</returns>
    /// <remarks>
    /// A check costs two round trips. It reads at most some thousand rows of each queue, and locks none. It fails with an <see cref="InvalidOperationException"/> where there is no
    /// <see cref="TpqClient"/> among the services.
    /// </remarks>
    public static IHealthChecksBuilder AddTpq(
        this IHealthChecksBuilder builder, Action<TpqHealthOptions>? configure = null, string name = "tpq", HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null, TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = new TpqHealthOptions();
        configure?.Invoke(options);
        Registrations registrations = Registrations.Of(builder.Services);
        return builder.Add(new HealthCheckRegistration(name, provider => new QueuesHealth(
            provider.GetService<TpqClient>() ?? throw new InvalidOperationException("There is no TpqClient among the services: call services.AddTpq() first."),
            registrations, options), failureStatus, tags, timeout ?? TimeSpan.FromSeconds(5)));
    }

    static TpqBuilder Add(IServiceCollection services, Registrations registrations, Action<TpqClientOptions>? configure)
    {
        if (configure is not null)
            services.Configure(configure);
        services.TryAddSingleton(provider => Create(provider, registrations));
        services.TryAddScoped<CurrentMessage>();
        services.TryAddScoped(provider => provider.GetRequiredService<CurrentMessage>().Delivery);
        services.TryAddScoped(provider => provider.GetRequiredService<CurrentMessage>().Lease);
        services.TryAddScoped(provider => provider.GetRequiredService<CurrentMessage>().Message);
        return new TpqBuilder(services, registrations);
    }

    static TpqClient Create(IServiceProvider provider, Registrations registrations)
    {
        TpqClientOptions options = provider.GetRequiredService<IOptions<TpqClientOptions>>().Value;
        if (registrations.ConnectionString is { } connectionString)
            return new TpqClient(connectionString, options);
        return provider.GetService<NpgsqlDataSource>() is { } dataSource ? new TpqClient(dataSource, options) : TpqClient.FromEnvironment(options);
    }
}
