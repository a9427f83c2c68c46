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
        if (configure is not null)
            options.Configure(o => Check(queue, _ => $"The consumer of queue \"{queue}\", in the code", () => configure(o)));
        options.Configure<IServiceProvider>((o, provider) => Bind(queue, o, provider.GetService<IConfiguration>()));
        options.PostConfigure<IOptions<HostOptions>>((o, host) => o.Grace = Cap(o.Grace, host.Value.ShutdownTimeout));
    }

    static void Bind(string queue, TpqConsumeOptions options, IConfiguration? configuration)
    {
        if (configuration is null)
            return;
        IConfigurationSection section = configuration.GetSection($"{Section}:{queue}");
        foreach (IConfigurationSection entry in section.GetChildren())
        {
            // .NET reads "2" as two days, which is never what is meant.
            if (Times.Contains(entry.Key) && int.TryParse(entry.Value, out _))
                throw Wrong(queue, $"{entry.Path} is \"{entry.Value}\", a time without its unit. Two seconds are \"00:00:02\".");
        }
        try
        {
            Check(queue, key => $"{section.Path}:{key}", () => section.Bind(options, binder => binder.ErrorOnUnknownConfiguration = true));
        }
        catch (InvalidOperationException e)
        {
            // The binder's own, which names the key whose value it cannot read, or those that it does not know.
            throw Wrong(queue, $"{section.Path}: {e.Message}");
        }
    }

    /// <summary>Has a setter that refuses a value say where it stands: its parameter's name is the property's.</summary>
    static void Check(string queue, Func<string?, string> where, Action set)
    {
        try
        {
            set();
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw Wrong(queue, $"{where(e.ParamName)}: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    static OptionsValidationException Wrong(string queue, string failure) => new(queue, typeof(TpqConsumeOptions), [failure]);

    /// <summary>A little less than the host's own patience, so that what is in hand is given back before it is over. An infinite one is negative.</summary>
    static TimeSpan Cap(TimeSpan grace, TimeSpan shutdown)
    {
        TimeSpan margin = shutdown / 6 < LongestMargin ? shutdown / 6 : LongestMargin;
        return shutdown < TimeSpan.Zero || grace < shutdown - margin ? grace : shutdown - margin;
    }
}
