using System.CommandLine;

namespace Tpq.Cli.Commands;

static class MoveCommand
{
    static readonly Argument<string> From = QueueArgument.Create("from", "The queue to take from.");
    static readonly Argument<string> To = QueueArgument.Create("to", "The queue to put into.");
    static readonly Option<int?> Count = Number.Option("--count", "Move N messages at most, from the front. Default: all.");

    public static Command Create()
    {
        var command = new Verb("move", "Move messages to the end of another queue, in order and in one transaction. They get new ids.",
            "tpq move orders_dead orders --count=10")
        {
            From, To, Count,
        };
        command.SetAction((parse, cancellationToken) =>
        {
            string from = parse.GetRequiredValue(From), to = parse.GetRequiredValue(To);
            return Session.RunAsync(parse, new Intent("move to or from", from, to), async session =>
            {
                long moved = await session.Client.Queue(from).MoveToAsync(session.Client.Queue(to), parse.GetValue(Count), cancellationToken);
                session.Say($"Moved {Display.Messages(moved)} from queue {Display.Quote(from)} to queue {Display.Quote(to)}.");
                return ExitCode.Done;
            });
        });
        return command;
    }
}
