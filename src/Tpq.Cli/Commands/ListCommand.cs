using System.CommandLine;

namespace Tpq.Cli.Commands;

static class ListCommand
{
    static readonly Option<bool> Json = Table.JsonOption();

    public static Command Create()
    {
        var command = new Verb("list", "Show all queues, how many messages each has, and how old the first one is.", "tpq list --json")
        {
            Json,
        };
        command.SetAction((parse, cancellationToken) => Session.RunAsync(parse, new Intent("list the queues"), async session =>
        {
            IReadOnlyList<TpqQueueInfo> queues = await session.Client.ListAsync(cancellationToken);
            await (parse.GetValue(Json) ? WriteJsonAsync(queues, cancellationToken) : WriteTableAsync(queues, cancellationToken));
            return ExitCode.Done;
        }));
        return command;
    }

    static Task WriteTableAsync(IReadOnlyList<TpqQueueInfo> queues, CancellationToken cancellationToken)
    {
        var table = new Table("queue", "messages", "oldest");
        foreach (TpqQueueInfo queue in queues)
            table.Add(queue.Name, Display.Count(queue.Count), Display.Age(queue.Oldest));
        return table.WriteAsync(cancellationToken);
    }

    static Task WriteJsonAsync(IReadOnlyList<TpqQueueInfo> queues, CancellationToken cancellationToken) => Table.WriteJsonAsync(json =>
    {
        foreach (TpqQueueInfo queue in queues)
        {
            json.WriteStartObject();
            json.WriteString("queue", queue.Name);
            json.WriteNumber("count", queue.Count);
            MessageWriter.WriteTime(json, "oldest", queue.Oldest);
            json.WriteEndObject();
        }
    }, cancellationToken);
}
