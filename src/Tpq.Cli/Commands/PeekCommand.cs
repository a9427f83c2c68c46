using System.CommandLine;
using System.Globalization;
using System.Text;

namespace Tpq.Cli.Commands;

static class PeekCommand
{
    const int DefaultCount = 10;

    static readonly Argument<string> Queue = QueueArgument.Create();
    static readonly Option<int?> Count = Number.Option("--count", $"Show N messages at most, from the front. Default: {DefaultCount}.");
    static readonly Option<bool> Json = Table.JsonOption();

    public static Command Create()
    {
        var command = new Verb("peek", "Show the first messages of a queue and take none.", "tpq peek orders --count=3 --json")
        {
            Queue, Count, Json,
        };
        command.OnQueue(Queue, "read from", async (parse, session, queue, cancellationToken) =>
        {
            IReadOnlyList<TpqPeeked> peeked = await queue.PeekAsync(parse.GetValue(Count) ?? DefaultCount, cancellationToken);
            await (parse.GetValue(Json) ? WriteJsonAsync(peeked, cancellationToken) : WriteTableAsync(peeked, cancellationToken));
            return ExitCode.Done;
        });
        return command;
    }

    static Task WriteTableAsync(IReadOnlyList<TpqPeeked> peeked, CancellationToken cancellationToken)
    {
        var table = new Table("id", "age", "attempts", "in hand", "data");
        foreach ((TpqMessage message, bool taken) in peeked)
        {
            table.Add(
                message.Id.ToString(CultureInfo.InvariantCulture),
                Display.Age(message.EnqueuedAt),
                message.Attempts.ToString(CultureInfo.InvariantCulture),
                taken ? "yes" : "no",
                Encoding.UTF8.GetString(MessageWriter.OneLine(message.Utf8Json.Span)));
        }
        return table.WriteAsync(cancellationToken);
    }

    static Task WriteJsonAsync(IReadOnlyList<TpqPeeked> peeked, CancellationToken cancellationToken) => Table.WriteJsonAsync(json =>
    {
        foreach ((TpqMessage message, bool taken) in peeked)
        {
            json.WriteStartObject();
            json.WriteBoolean("taken", taken);
            MessageWriter.WriteMembers(json, message);
            json.WriteEndObject();
        }
    }, cancellationToken);
}
