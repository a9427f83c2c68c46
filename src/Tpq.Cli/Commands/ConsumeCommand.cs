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
        Description = "Take messages until Ctrl+C; a message whose command fails is tried again later.",
    };

    static readonly Option<string> Exec = new("--exec")
    {
        Description = "Give each message to this command line of the shell, as to a command after \"--\".",
        HelpName = "line",
    };

    static readonly Option<int?> Concurrency = Number.Option("--concurrency",
        "With --follow and a command: run up to N commands at once. Default: 1, in order.", most: 1000);

    static readonly Option<int?> MaxAttempts = Number.Option("--max-attempts",
        "With --follow and a command: a message whose command has failed N times goes to the queue <queue>_dead. Default: 5.");

    static readonly Option<TimeSpan?> Backoff = Duration.Option("--backoff",
        $"With --follow and a command: how long a message is left alone after its command has failed, twice as long each time: {Duration.Forms}. Default: 1s, doubled up to 15m.", most: TimeSpan.FromDays(24));

    static readonly Option<TimeSpan?> Lease = Duration.Option("--lease",
        "With --follow and a command: lease the message, for long work and many at once, so that no connection is held; it is renewed while the command runs.",
        least: TimeSpan.FromSeconds(1), most: TimeSpan.FromDays(24));

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
            "tpq consume urgent orders --follow -- ./handle --fast",
            "tpq consume orders --follow --concurrency=20 --lease=30s --exec='curl -sf --json @- http://localhost/orders'")
        {
            Queues, WaitFor, Count, Follow, Exec, Concurrency, MaxAttempts, Backoff, Lease, Raw, Envelope,
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

        var handler = new Handler(Format(parse), command.Length > 0 ? command : null, line);
        bool follows = parse.GetValue(Follow);
        if (FollowingOption(parse) is { } option && !(follows && handler.IsCommand))
            return Usage.Complain(parse, $"{option} is for a command that is given all messages: it needs --follow, and --exec or a command after \"--\".");
        TimeSpan wait = parse.GetValue(WaitFor) ?? (follows ? Timeout.InfiniteTimeSpan : TimeSpan.Zero);
        if (names.Length > 1 && parse.GetValue(Lease) is not null)
            return Usage.Complain(parse, "--lease takes from one queue.");
        if (follows && handler.IsCommand)
            return await Session.RunAsync(parse, new Intent("read from", names), session => new Following(
                session, [.. names.Select(session.Client.Queue)], handler, Options(parse), isLeased: parse.GetValue(Lease) is not null, wait).RunAsync(cancellationToken),
                FailureLog.Create);
        return await Session.RunAsync(parse, new Intent("read from", names), session => new Consumption(
            session,
            new Taker([.. names.Select(session.Client.Queue)], wait),
            handler,
            follows ? null : parse.GetValue(Count) ?? 1).RunAsync(cancellationToken));
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

    static string? FollowingOption(ParseResult parse) =>
        new Option[] { Concurrency, MaxAttempts, Backoff, Lease }.FirstOrDefault(option => parse.GetResult(option) is not null)?.Name;

    static TpqConsumeOptions Options(ParseResult parse)
    {
        // A command is let finish, and nobody knows how long it takes.
        var options = new TpqConsumeOptions { Grace = TimeSpan.FromDays(24), HandlerTimeout = Timeout.InfiniteTimeSpan };
        options.Concurrency = parse.GetValue(Concurrency) ?? options.Concurrency;
        options.MaxAttempts = parse.GetValue(MaxAttempts) ?? options.MaxAttempts;
        options.Backoff = parse.GetValue(Backoff) ?? options.Backoff;
        if (options.MaxBackoff < options.Backoff)
            options.MaxBackoff = options.Backoff;
        options.LeaseDuration = parse.GetValue(Lease) ?? options.LeaseDuration;
        return options;
    }

    static MessageFormat Format(ParseResult parse) =>
        parse.GetValue(Raw) ? MessageFormat.Raw : parse.GetValue(Envelope) ? MessageFormat.Envelope : MessageFormat.Line;
}
