using System.CommandLine;

namespace Tpq.Cli;

/// <summary>Whether a put notifies waiting consumers, chosen when a queue is made.</summary>
static class NotifyOption
{
    public static Option<string> Create()
    {
        var option = new Option<string>("--notify")
        {
            Description = "Whether a put wakes waiting consumers: auto (default), always (consumers of the Python "
                + "tpq need it), or never (they look once a second).",
            DefaultValueFactory = _ => "auto",
        };
        option.AcceptOnlyFromAmong("auto", "always", "never");
        return option;
    }

    public static TpqQueueOptions Read(ParseResult parse, Option<string> option) => new()
    {
        Notify = parse.GetValue(option) switch { "always" => TpqNotify.Always, "never" => TpqNotify.Never, _ => TpqNotify.Auto },
    };
}
