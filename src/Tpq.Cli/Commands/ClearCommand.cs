using System.CommandLine;

namespace Tpq.Cli.Commands;

static class ClearCommand
{
    static readonly Argument<string> Queue = QueueArgument.Create();
    static readonly Option<bool> Yes = Confirmation.Option();

    public static Command Create()
    {
        var command = new Verb("clear",
            "Remove the messages of a queue, but none that a consumer has in hand. Asks first.", "tpq clear orders --yes")
        {
            Queue, Yes,
        };
        command.OnQueue(Queue, "clear", async (parse, session, queue, cancellationToken) =>
        {
            string where = $"queue {Display.Quote(queue.Name)} of database {Display.Quote(session.Database)}";
            long count = await queue.CountAsync(cancellationToken);
            if (!await Confirmation.IsGivenAsync($"Remove {Display.Messages(count)} from {where}?", parse.GetValue(Yes), cancellationToken))
            {
                session.Say("Nothing was removed.");
                return ExitCode.Done;
            }
            session.Say($"Removed {Display.Messages(await queue.ClearAsync(cancellationToken))} from {where}.");
            return ExitCode.Done;
        });
        return command;
    }
}
