using System.CommandLine;

namespace Tpq.Cli.Commands;

static class PauseCommand
{
    static readonly Argument<string> Queue = QueueArgument.Create();

    public static Command Create()
    {
        var command = new Verb("pause",
            "Pause a queue: its consumers, of all processes, finish what they have in hand and take nothing more until it is resumed. Puts go on, and so does a single consume by hand.",
            "tpq pause orders")
        {
            Queue,
        };
        command.OnQueue(Queue, "pause", async (parse, session, queue, cancellationToken) =>
        {
            session.Say(await queue.PauseAsync(cancellationToken)
                ? $"Paused queue {Display.Quote(queue.Name)} in database {Display.Quote(session.Database)}: its consumers take nothing more until it is resumed."
                : $"Queue {Display.Quote(queue.Name)} is paused already.");
            return ExitCode.Done;
        });
        return command;
    }
}
