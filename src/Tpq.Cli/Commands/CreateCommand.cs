using System.CommandLine;

namespace Tpq.Cli.Commands;

static class CreateCommand
{
    static readonly Argument<string> Queue = QueueArgument.Create();
    static readonly Option<string> Notify = NotifyOption.Create();

    public static Command Create()
    {
        var command = new Verb("create", "Create a queue. One that is there is left exactly as it is.", "tpq create orders")
        {
            Queue, Notify,
        };
        command.OnQueue(Queue, "create", async (parse, session, queue, cancellationToken) =>
            {
                bool created = await queue.CreateAsync(NotifyOption.Read(parse, Notify), cancellationToken);
                session.Say(created
                    ? $"Created queue {Display.Quote(queue.Name)} in database {Display.Quote(session.Database)}."
                    : $"Queue {Display.Quote(queue.Name)} is already in database {Display.Quote(session.Database)}; it was left as it is.");
                return ExitCode.Done;
            });
        return command;
    }
}
