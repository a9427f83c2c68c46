using System.CommandLine;
using System.CommandLine.Parsing;

namespace Tpq.Cli.Commands;

static class ConsumeCommand
{
    static readonly Argument<string[]> Queues = new("queue")
    {
        Description = "The queue's name. Of several, the first that has a message is taken from. After \"--\" comes a command.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    static readonly Option<TimeSpan?> WaitFor = Wait.Option(
        $"How long to wait for a message: {Duration.Forms}; 0 or forever; -1 or none. Default: -1, with --follow 0.");

    static readonly Option<int?> Count = Number.Option("--count",
        "Take up to N messages; done when --wait passed without another. Default: 1.");

    static readonly Option<bool> Follow = new("--follow")
    {
        Description = "Take messages until Ctrl+C; a command that fails is tried again.",
    };

    static readonly Option<string> Exec = new("--exec")
    {
        Description = "Give each message to this command line of the shell, as to a command after \"--\".",
        HelpName = "line",
    };

    static readonly Option<bool> Raw = new("--raw") { Description = "Write the message as it is stored, with its line breaks." };

    static readonly Option<bool> Envelope = new("--envelope")
    {
        Description = "Write an object with queue, id, attempts, enqueued_at, headers and data.",
    };

    public static Command Create()
    {
        var command = new Verb("consume",
            "Take a message, write it on a line of its own, and remove it. Exits 1 when there is none. A command after \"--\" gets the message "
            + "as its standard input, with TPQ_QUEUE, TPQ_ID and TPQ_ATTEMPTS in its environment; the message is removed when it exits 0.",
            "tpq consume orders --wait=5",
            "tpq consume urgent orders --follow -- ./handle --fast")
        {
            Queues, WaitFor, Count, Follow, Exec, Raw, Envelope,
        };
        command.Aliases.Add("get");
        command.Validators.Add(Validate);
        command.SetAction(RunAsync);
        return command;
    }

    static void Validate(CommandResult result)
    {
        if (result.GetValue(Follow) && result.GetResult(Count) is not null)
            result.AddError("--follow has no end, and --count sets one: give one of them.");
        if (result.GetValue(Raw) && result.GetValue(Envelope))
            result.AddError("--raw and --envelope are two ways to write a message: give one of them.");
    }

    static async Task<int> RunAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        (string[] names, string[] command) = Split(parse);
        string? line = parse.GetValue(Exec);
        if (names.Length == 0)
            return Usage.Complain(parse, "No queue is named.");
        if (command.Length > 0 && line is not null)
            return Usage.Complain(parse, "--exec and a command after \"--\" are two commands: give one of them.");

        return await Session.RunAsync(parse, new Intent("read from", names), session => new Consumption(
            session,
            new Taker(
                [.. names.Select(session.Client.Queue)],
                parse.GetValue(WaitFor) ?? (parse.GetValue(Follow) ? Timeout.InfiniteTimeSpan : TimeSpan.Zero)),
            new Handler(Format(parse), command.Length > 0 ? command : null, line),
            parse.GetValue(Follow) ? null : parse.GetValue(Count) ?? 1).RunAsync(cancellationToken));
    }

    /// <summary>
    /// Before <c>--</c> stand queues and after it the command. Where no queue stands before it, the first word after it is the queue: the way
    /// to name one that begins with a dash.
    /// </summary>
    static (string[] Queues, string[] Command) Split(ParseResult parse)
    {
        string[] before = [.. Words.Before(parse)], after = [.. Words.After(parse)];
        if (before.Length > 0 || after.Length == 0)
            return (before, after);
        return (after[..1], [.. after.Skip(after.Length > 1 && after[1] == "--" ? 2 : 1)]);
    }

    static MessageFormat Format(ParseResult parse) =>
        parse.GetValue(Raw) ? MessageFormat.Raw : parse.GetValue(Envelope) ? MessageFormat.Envelope : MessageFormat.Line;
}
