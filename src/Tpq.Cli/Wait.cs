using System.CommandLine;
using System.CommandLine.Parsing;

namespace Tpq.Cli;

/// <summary>How long to wait: a <see cref="Duration"/>, with <c>0</c> for ever and <c>-1</c> for not at all.</summary>
static class Wait
{
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
        result.AddError($"--wait={text} is no time: {Duration.Forms}, 0 or forever, -1 or none; at most 1,000 days.");
        return null;
    }

    static TimeSpan? TryParse(string text) => text switch
    {
        "forever" => Timeout.InfiniteTimeSpan,
        "none" or "-1" => TimeSpan.Zero,
        _ when Duration.TryParse(text) is { } wait => wait == TimeSpan.Zero ? Timeout.InfiniteTimeSpan : wait,
        _ => null,
    };
}
