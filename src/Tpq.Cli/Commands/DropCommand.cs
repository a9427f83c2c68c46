using System.CommandLine;
using Tpq.Internal.Overview;

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
            string what = $"queue {Display.Quote(queue.Name)} with {await ContentsAsync(session, queue, cancellationToken)} from database {Display.Quote(session.Database)}";
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

    static async Task<string> ContentsAsync(Session session, TpqQueue queue, CancellationToken cancellationToken)
    {
        string ready = Display.Messages(await queue.CountAsync(cancellationToken));
        QueueOverview? seen = (await new OverviewReader(session.Client, name => name == queue.Name).ReadAsync(cancellationToken)).Find(queue.Name);
        long notReady = (seen?.Delayed?.Count ?? 0) + (seen?.Leased?.Count ?? 0);
        return notReady == 0 ? ready : $"{ready}, and {Display.Count(notReady)} for later or leased,";
    }
}
