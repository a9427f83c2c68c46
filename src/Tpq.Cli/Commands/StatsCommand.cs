using System.Buffers;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Tpq.Cli.Top;
using Tpq.Internal;
using Tpq.Internal.Overview;

namespace Tpq.Cli.Commands;

static class StatsCommand
{
    static readonly Argument<string> Queue = QueueArgument.Create();

    static readonly Option<bool> Json = new("--json") { Description = "Write a JSON object instead of a table." };

    public static Command Create()
    {
        var command = new Verb("stats",
            "Show all that is known of a queue: what waits, what is in hand and by whom, what is late or dead, and what it takes on disk. Reads some thousand rows at most.",
            "tpq stats orders",
            "tpq stats orders --json")
        {
            Queue, Json,
        };
        command.OnQueue(Queue, "look at", RunAsync);
        return command;
    }

    static async Task<int> RunAsync(ParseResult parse, Session session, TpqQueue queue, CancellationToken cancellationToken)
    {
        DatabaseOverview overview = await new OverviewReader(session.Client, name => name == queue.Name || name == queue.Name + DeadLetters.Suffix).ReadAsync(cancellationToken);
        if (overview.Find(queue.Name) is not { } seen)
        {
            // Where it is there, and the role may not read it, the server says so.
            await queue.PeekAsync(cancellationToken: cancellationToken);
            throw new TpqQueueNotFoundException(queue.Name, session.Client.Database);
        }
        (IReadOnlyList<Holder> holders, _) = await HeldReader.ReadAsync(session.Client, seen.Statistics, cancellationToken);
        QueueStorage storage = await QueueStorage.ReadAsync(session.Client, seen.Statistics.Name, cancellationToken);
        await (parse.GetValue(Json)
            ? WriteJsonAsync(seen, overview, holders, storage, cancellationToken)
            : WriteTableAsync(seen, overview, holders, storage, cancellationToken));
        return ExitCode.Done;
    }

    static Task WriteTableAsync(QueueOverview queue, DatabaseOverview overview, IReadOnlyList<Holder> holders, QueueStorage storage, CancellationToken cancellationToken)
    {
        var table = new Table("of the queue", Display.Safe(queue.Name));
        table.Add("ready", TopTable.Number(queue.Ready));
        table.Add("in hand", TopTable.Number(queue.InHand));
        table.Add("leased", TopTable.Number(queue.Leased));
        table.Add("for later", TopTable.Number(queue.Delayed));
        table.Add("dead letters", TopTable.Number(overview.DeadOf(queue.Name)));
        table.Add("oldest", queue.Oldest is { } oldest ? Display.Age(oldest, overview.At) : "");
        table.Add("paused", queue.IsPaused ? "yes" : "no");
        table.Add("on disk", $"{Size(storage.TableBytes)}, indexes {Size(storage.IndexBytes)}{(storage.LaterBytes is { } later ? $", for later {Size(later)}" : "")}");
        table.Add("dead rows", Display.Count(storage.DeadRows));
        table.Add("last vacuum", storage.LastVacuum is { } vacuum ? $"{Display.Age(vacuum, overview.At)} ago" : "");
        foreach (Holder holder in holders)
            table.Add(holder.IsAsleep ? "waiting" : "at work", Describe(holder, overview.At));
        return table.WriteAsync(cancellationToken);
    }

    static string Describe(Holder holder, DateTimeOffset now) => string.Join(", ", new[]
    {
        holder.Process is { } process ? string.Create(CultureInfo.InvariantCulture, $"process {process}") : "prepared transaction",
        holder.Application, holder.User, holder.Host, holder.State, holder.Since is { } since ? $"for {Display.Age(since, now)}" : null,
    }.Where(static part => !string.IsNullOrEmpty(part)));

    static Task WriteJsonAsync(
        QueueOverview queue, DatabaseOverview overview, IReadOnlyList<Holder> holders, QueueStorage storage, CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, MessageWriter.JsonOptions))
        {
            json.WriteStartObject();
            OverviewJson.WriteMembers(json, queue, overview);
            json.WriteNumber("table_bytes", storage.TableBytes);
            json.WriteNumber("index_bytes", storage.IndexBytes);
            if (storage.LaterBytes is { } later)
                json.WriteNumber("later_bytes", later);
            json.WriteNumber("dead_rows", storage.DeadRows);
            MessageWriter.WriteTime(json, "last_vacuum", storage.LastVacuum);
            json.WriteStartArray("consumers");
            foreach (Holder holder in holders)
                WriteHolder(json, holder);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        buffer.Write("\n"u8);
        return StandardOutput.WriteAsync(buffer.WrittenMemory, cancellationToken);
    }

    static void WriteHolder(Utf8JsonWriter json, Holder holder)
    {
        json.WriteStartObject();
        if (holder.Process is { } process)
            json.WriteNumber("process", process);
        else
            json.WriteNull("process");
        json.WriteString("application", holder.Application);
        json.WriteString("user", holder.User);
        json.WriteString("host", holder.Host);
        json.WriteString("state", holder.State);
        MessageWriter.WriteTime(json, "since", holder.Since);
        json.WriteBoolean("waiting", holder.IsAsleep);
        json.WriteEndObject();
    }

    static string Size(long bytes)
    {
        string[] units = ["B", "kB", "MB", "GB", "TB"];
        int unit = 0;
        double size = bytes;
        for (; size >= 1000 && unit < units.Length - 1; unit++)
            size /= 1000;
        return string.Create(CultureInfo.InvariantCulture, $"{size:0.#} {units[unit]}");
    }
}
