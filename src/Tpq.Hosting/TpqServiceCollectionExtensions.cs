using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
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
