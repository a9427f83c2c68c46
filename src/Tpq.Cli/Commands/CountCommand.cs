using System.CommandLine;
using System.Globalization;

namespace Tpq.Cli.Commands;

static class CountCommand
{
    static readonly Argument<string> Queue = QueueArgument.Create();

    public static Command Create()
    {
        var command = new Verb("count",
            "Write how many messages are in a queue, those included that a consumer has in hand.", "tpq count orders")
        {
            Queue,
        };
        command.OnQueue(Queue, "count", async (parse, session, queue, cancellationToken) =>
        {
            long count = await queue.CountAsync(cancellationToken);
            await StandardOutput.WriteTextAsync(string.Create(CultureInfo.InvariantCulture, $"{count}\n"), cancellationToken);
            return ExitCode.Done;
        });
        return command;
    }
}
