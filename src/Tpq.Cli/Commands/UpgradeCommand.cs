using System.CommandLine;

namespace Tpq.Cli.Commands;

static class UpgradeCommand
{
    static readonly Argument<string> Queue = QueueArgument.Create();

    public static Command Create()
    {
        var command = new Verb("upgrade",
            "Add what a queue made by the Python tpq or an older version lacks, in place. Its messages stay.", "tpq upgrade orders")
        {
            Queue,
        };
        command.OnQueue(Queue, "upgrade", async (parse, session, queue, cancellationToken) =>
        {
            session.Say(await queue.UpgradeAsync(cancellationToken)
                ? $"Upgraded queue {Display.Quote(queue.Name)}."
                : $"Queue {Display.Quote(queue.Name)} is up to date.");
            return ExitCode.Done;
        });
        return command;
    }
}
