using System.Collections.Frozen;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Tpq.Internal;

/// <summary>The options of a consumer, whose name is the queue's: what the code says, over it what the configuration says, and the host's end over both.</summary>
static class ConsumeSettings
{
    const string Section = "Tpq:Consumers";

    static readonly FrozenSet<string> Times = FrozenSet.Create(StringComparer.OrdinalIgnoreCase, nameof(TpqConsumeOptions.Backoff), nameof(TpqConsumeOptions.MaxBackoff),
        nameof(TpqConsumeOptions.HandlerTimeout), nameof(TpqConsumeOptions.LeaseDuration), nameof(TpqConsumeOptions.Grace));

    /// <summary>What a handler, once its token is cancelled, has at most to come to its end in before the host gives up.</summary>
    static readonly TimeSpan LongestMargin = TimeSpan.FromSeconds(5);

    public static void Add(IServiceCollection services, string queue, Action<TpqConsumeOptions>? configure)
    {
        OptionsBuilder<TpqConsumeOptions> options = services.AddOptions<TpqConsumeOptions>(queue).ValidateOnStart();
        options.Configure<IServiceProvider>((o, provider) => Set(queue, o, configure, provider.GetService<IConfiguration>()));
        options.PostConfigure<IOptions<HostOptions>>((o, host) => o.Grace = Cap(o.Grace, host.Value.ShutdownTimeout));
    }

    static void Set(string queue, TpqConsumeOptions options, Action<TpqConsumeOptions>? configure, IConfiguration? configuration)
    {
        List<string> failures = [];
        if (configure is not null)
            Try(failures, $"The consumer of queue \"{queue}\", in the code", () => configure(options));
        if (configuration?.GetSection($"{Section}:{queue}") is { } section)
        {
            if (section.Value is { Length: > 0 } value)
                failures.Add($"{section.Path} is \"{value}\", and has to be a section, with {nameof(TpqConsumeOptions.Concurrency)} and the like in it.");
            foreach (IConfigurationSection entry in section.GetChildren())
                Bind(failures, options, entry);
        }
        if (failures.Count > 0)
            throw new OptionsValidationException(queue, typeof(TpqConsumeOptions), failures);
    }

    /// <summary>Key by key, since the binder stops at the first one that it cannot bind.</summary>
    static void Bind(List<string> failures, TpqConsumeOptions options, IConfigurationSection entry)
    {
        // The binder passes over it.
        if (entry.GetChildren().Any())
        {
            failures.Add($"{entry.Path} is a section, and has to be a value.");
            return;
        }
        // .NET reads "2" as two days, which is never what is meant.
        if (Times.Contains(entry.Key) && int.TryParse(entry.Value, out _))
        {
            failures.Add($"{entry.Path} is \"{entry.Value}\", a time without its unit. Two seconds are \"00:00:02\".");
            return;
        }
        IConfigurationSection alone = new ConfigurationBuilder().AddInMemoryCollection(entry.AsEnumerable()).Build().GetSection(ConfigurationPath.GetParentPath(entry.Path)!);
        try
        {
            Try(failures, entry.Path, () => alone.Bind(options, binder => binder.ErrorOnUnknownConfiguration = true));
        }
        catch (InvalidOperationException e)
        {
            // The binder's own, which names the value that it cannot read, or the key that it does not know.
            failures.Add($"{entry.Path}: {e.Message}");
        }
    }

    /// <summary>Has a setter that refuses a value say where that stands.</summary>
    static void Try(List<string> failures, string where, Action set)
    {
        try
        {
            set();
        }
        catch (ArgumentOutOfRangeException e)
        {
            failures.Add($"{where}: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    /// <summary>A little less than the host's own patience, so that what is in hand is given back before it is over. An infinite one is negative.</summary>
    static TimeSpan Cap(TimeSpan grace, TimeSpan shutdown)
    {
        TimeSpan margin = shutdown / 6 < LongestMargin ? shutdown / 6 : LongestMargin;
        return shutdown < TimeSpan.Zero || grace < shutdown - margin ? grace : shutdown - margin;
    }
}
