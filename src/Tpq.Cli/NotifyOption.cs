using System.CommandLine;

namespace Tpq.Cli;

/// <summary>Whether a put notifies waiting consumers, chosen when a queue is made.</summary>
static class NotifyOption
{
    static readonly string[] Words = ["auto", "always", "never"];

    public static Option<string> Create()
    {
        var option = new Option<string>("--notify")
        {
            Description = "Whether a put wakes waiting consumers: auto (default), always (consumers of the Python "
                + "tpq need it), or never (they look once a second).",
            HelpName = string.Join('|', Words),
            DefaultValueFactory = _ => "auto",
        };
        // The parser's own check answers in several lines.
        option.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: string word }] && !Words.Contains(word))
                result.AddError($"--notify: \"{word}\" is none of {string.Join(", ", Words)}.");
        });
        return option;
    }

    public static TpqQueueOptions Read(ParseResult parse, Option<string> option) => new()
    {
        Notify = parse.GetValue(option) switch { "always" => TpqNotify.Always, "never" => TpqNotify.Never, _ => TpqNotify.Auto },
    };
}
