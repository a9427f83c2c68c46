using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Tpq.Internal;

/// <summary>What one collection of services was told about queues, by however many calls.</summary>
sealed class Registrations
{
    public string? ConnectionString { get; set; }

    /// <summary>In the order in which they were added.</summary>
    public OrderedDictionary<string, Queue> Queues { get; } = new(StringComparer.Ordinal);

    public static Registrations Of(IServiceCollection services)
    {
        if (services.FirstOrDefault(s => s.ServiceType == typeof(Registrations))?.ImplementationInstance is Registrations registrations)
            return registrations;
        services.AddSingleton(registrations = new Registrations());
        // Once, and before what AddTpq is given, which so has the last word.
        services.AddOptions<TpqClientOptions>().Configure<IServiceProvider>(TakeFromServices);
        return registrations;
    }

    static void TakeFromServices(TpqClientOptions options, IServiceProvider provider)
    {
        options.LoggerFactory ??= provider.GetService<ILoggerFactory>();
        if (provider.GetService<TimeProvider>() is { } time)
            options.TimeProvider = time;
    }

    public sealed class Queue
    {
        /// <summary>Whether it is to be created when the host starts.</summary>
        public bool IsCreated { get; set; }

        public bool IsConsumed { get; set; }
    }
}
