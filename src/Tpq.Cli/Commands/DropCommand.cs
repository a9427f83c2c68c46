using System.CommandLine;

namespace Tpq.Cli.Commands;

static class DropCommand
{
    static readonly Argument<string> Queue = QueueArgument.Create();
    static readonly Option<bool> Yes = Confirmation.Option();

    public static Command Create()
    {
        var command = new Verb("drop", "Drop a queue with all its messages. Asks first.", "tpq drop orders --yes") { Queue, Yes };
        command.OnQueue(Queue, "drop", async (parse, session, queue, cancellationToken) =>
        {
            long count = await queue.CountAsync(cancellationToken);
            string what = $"queue {Display.Quote(queue.Name)} with {Display.Messages(count)} from database {Display.Quote(session.Database)}";
            if (!await Confirmation.IsGivenAsync($"Drop {what}?", parse.GetValue(Yes), cancellationToken))
            {
                session.Say("Nothing was dropped.");
                return ExitCode.Done;
            }
            await queue.DropAsync(cancellationToken);
            session.Say($"Dropped {what}.");
            return ExitCode.Done;
        });
        return command;
    }
}
