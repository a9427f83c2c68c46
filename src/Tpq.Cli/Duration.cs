using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Tpq.Cli;

/// <summary>A length of time, as people write it: seconds, or a number with a unit.</summary>
static class Duration
{
    public const string Forms = "seconds (5, 0.5), 500ms, 5s, 2m, 1h, 3d";

    static readonly (string Unit, decimal Seconds)[] Units = [("ms", 0.001m), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400)];
    static readonly TimeSpan Longest = TimeSpan.FromDays(1000);

    /// <param name="name">The option.</param>
    /// <param name="description">What it is for.</param>
    /// <param name="least">The shortest; null for none at all.</param>
    /// <param name="most">The longest; null for 1,000 days.</param>
    public static Option<TimeSpan?> Option(string name, string description, TimeSpan? least = null, TimeSpan? most = null) => new(name)
    {
        Description = description,
        HelpName = "time",
        CustomParser = result => Parse(name, result, least ?? TimeSpan.Zero, most ?? Longest),
    };

    /// <returns>Null where it is none, or longer than 1,000 days.</returns>
    public static TimeSpan? TryParse(string text)
    {
        (string unit, decimal factor) = Units.FirstOrDefault(u => text.EndsWith(u.Unit, StringComparison.Ordinal), ("", 1));
        if (!decimal.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number)
            || number > (decimal)Longest.TotalSeconds || number * factor > (decimal)Longest.TotalSeconds)
            return null;
        return TimeSpan.FromTicks((long)(number * factor * TimeSpan.TicksPerSecond));
    }

    static TimeSpan? Parse(string name, ArgumentResult result, TimeSpan least, TimeSpan most)
    {
        string text = result.Tokens[0].Value;
        if (TryParse(text) is { } time && time >= least && time <= most)
            return time;
        string atLeast = least > TimeSpan.Zero ? string.Create(CultureInfo.InvariantCulture, $"at least {least.TotalSeconds} s, ") : "";
        result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name}={text} is no time: {Forms}; {atLeast}at most {most.TotalDays:N0} days."));
        return null;
    }
}
