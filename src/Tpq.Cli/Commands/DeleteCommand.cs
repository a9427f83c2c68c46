using System.CommandLine;

namespace Tpq.Cli.Commands;

static class DeleteCommand
{
    static readonly Argument<string> Queue = QueueArgument.Create();
    static readonly Argument<long> Id = Number.Argument("id", "The message's id, as peek and --envelope show it.");

    public static Command Create()
    {
        var command = new Verb("delete",
            "Remove one message. Exits 1 when it is not there, or a consumer has it in hand.", "tpq delete orders 7")
        {
            Queue, Id,
        };
        command.OnQueue(Queue, "delete from", async (parse, session, queue, cancellationToken) =>
        {
            long id = parse.GetRequiredValue(Id);
            if (await queue.DeleteAsync(id, cancellationToken))
                return ExitCode.Done;
            session.Say($"Queue {Display.Quote(queue.Name)} has no message {id}, or a consumer has it in hand.");
            return ExitCode.Empty;
        });
        return command;
    }
}
