using System.CommandLine;

namespace Tpq.Cli.Commands;

static class ResumeCommand
{
    static readonly Argument<string> Queue = QueueArgument.Create();

    public static Command Create()
    {
        var command = new Verb("resume",
            "Let the consumers of a paused queue go on.",
            "tpq resume orders")
        {
            Queue,
        };
        command.OnQueue(Queue, "resume", async (parse, session, queue, cancellationToken) =>
        {
            session.Say(await queue.ResumeAsync(cancellationToken)
                ? $"Resumed queue {Display.Quote(queue.Name)} in database {Display.Quote(session.Database)}."
                : $"Queue {Display.Quote(queue.Name)} was not paused.");
            return ExitCode.Done;
        });
        return command;
    }
}
