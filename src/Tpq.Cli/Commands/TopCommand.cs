using System.CommandLine;
using Spectre.Console;
using Tpq.Cli.Top;
using Tpq.Internal.Overview;

namespace Tpq.Cli.Commands;

static class TopCommand
{
    static readonly TimeSpan DefaultInterval = TimeSpan.FromSeconds(2);

    static readonly Option<bool> Once = new("--once") { Description = "Look once, write what is there, and end." };

    static readonly Option<bool> Json = new("--json") { Description = "With --once: write a JSON array instead of a table." };

    static readonly Option<TimeSpan?> Interval = Duration.Option("--interval", "How often to look. Default: 2s.", TimeSpan.FromSeconds(0.2), TimeSpan.FromHours(1));

    public static Command Create()
    {
        var command = new Verb("top",
            "Watch all queues: what waits, what is in hand, what is late or dead, what comes in and goes out, and who consumes. Ends with q or Ctrl+C. A number with a ~ is the server's estimate.",
            "tpq top",
            "tpq top --once --json")
        {
            Once, Json, Interval,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(Json) && !result.GetValue(Once))
                result.AddError("--json is for --once.");
        });
        command.SetAction((parse, cancellationToken) => Session.RunAsync(parse, new Intent("watch the queues"), session => RunAsync(parse, session, cancellationToken)));
        return command;
    }

    static async Task<int> RunAsync(ParseResult parse, Session session, CancellationToken cancellationToken)
    {
        if (parse.GetValue(Once))
        {
            DatabaseOverview overview = await new OverviewReader(session.Client).ReadAsync(cancellationToken);
            await (parse.GetValue(Json) ? WriteJsonAsync(overview, cancellationToken) : WriteAsync(session, overview, cancellationToken));
            return ExitCode.Done;
        }
        if (Console.IsOutputRedirected)
            throw new CliException("\"top\" redraws a terminal, and standard output is none: use --once, or --once --json.", ExitCode.Usage);
        await TopScreen.ShowAsync(session, parse.GetValue(Interval) ?? DefaultInterval, cancellationToken);
        return ExitCode.Done;
    }

    static Task WriteAsync(Session session, DatabaseOverview overview, CancellationToken cancellationToken)
    {
        if (!Console.IsOutputRedirected)
        {
            AnsiConsole.Write(new TopTable(session.Address, rates: null).Build(overview, int.MaxValue));
            return Task.CompletedTask;
        }
        var table = new Table("queue", "ready", "in hand", "later", "leased", "dead", "oldest", "consumers");
        foreach (QueueOverview queue in overview.Queues)
        {
            table.Add(queue.Name, TopTable.Number(queue.Ready), TopTable.Number(queue.InHand), TopTable.Number(queue.Delayed), TopTable.Number(queue.Leased),
                TopTable.Number(overview.DeadOf(queue.Name)), queue.Oldest is { } oldest ? Display.Age(oldest, overview.At) : "", TopTable.Consumers(queue));
        }
        return table.WriteAsync(cancellationToken);
    }

    static Task WriteJsonAsync(DatabaseOverview overview, CancellationToken cancellationToken) => Table.WriteJsonAsync(json =>
    {
        foreach (QueueOverview queue in overview.Queues)
        {
            json.WriteStartObject();
            OverviewJson.WriteMembers(json, queue, overview);
            // For rates. What they begin with is of no meaning: the rows that come and go when a queue is created, or since the statistics were reset.
            json.WriteNumber("puts", queue.Puts);
            json.WriteNumber("takes", queue.Takes);
            json.WriteEndObject();
        }
    }, cancellationToken);
}
