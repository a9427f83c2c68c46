using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Tpq.Cli;

/// <summary>How long to wait, as people write it: seconds, with <c>0</c> for ever and <c>-1</c> for not at all, or with a unit.</summary>
static class Wait
{
    static readonly (string Unit, decimal Seconds)[] Units = [("ms", 0.001m), ("s", 1), ("m", 60), ("h", 3600)];
    static readonly TimeSpan Longest = TimeSpan.FromDays(1000);

    public static Option<TimeSpan?> Option(string description) => new("--wait")
    {
        Description = description,
        HelpName = "time",
        CustomParser = Parse,
    };

    static TimeSpan? Parse(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (TryParse(text) is { } wait)
            return wait;
        result.AddError($"--wait={text} is no time: seconds (5, 0.5), 500ms, 5s, 2m, 1h, 0 or forever, -1 or none; at most 1,000 days.");
        return null;
    }

    static TimeSpan? TryParse(string text)
    {
        if (text is "forever")
            return Timeout.InfiniteTimeSpan;
        if (text is "none" or "-1")
            return TimeSpan.Zero;
        (string unit, decimal factor) = Units.FirstOrDefault(u => text.EndsWith(u.Unit, StringComparison.Ordinal), ("", 1));
        if (!decimal.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number)
            || number > (decimal)Longest.TotalSeconds || number * factor > (decimal)Longest.TotalSeconds)
            return null;
        return number == 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromTicks((long)(number * factor * TimeSpan.TicksPerSecond));
    }
}
