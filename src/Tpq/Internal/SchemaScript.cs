using System.Globalization;
using System.Text.RegularExpressions;

namespace Tpq.Internal;

/// <summary>The DDL of a queue, from Schema/*.sql. Plain top-level statements, so that it runs on a distributed PostgreSQL too.</summary>
sealed partial class SchemaScript(QueueName name)
{
    /// <summary>
    /// Rows come and go fast, so dead ones are to be removed soon and without pauses. Truncation is off: it takes an exclusive lock, and it
    /// would give back the few pages that keep the planner from a sequential scan of an empty table.
    /// </summary>
    const string Storage =
        "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off";

    /// <summary>The same, one by one.</summary>
    public static readonly string[] Settings = Storage.Split(", ");

    /// <summary>Columns that a queue of the Python tpq's lacks.</summary>
    public static readonly string[] AddedColumns = ["enqueued_at", "attempts", "headers"];

    public string Create(TpqQueueOptions options, bool withLater = true, bool withRing = true)
    {
        List<string> parts = [Read("queue")];
        if (withLater)
            parts.Add(Read("later"));
        if (options.Notify != TpqNotify.Never)
        {
            if (withRing)
                parts.Add(Ring());
            parts.Add(Trigger(options.Notify));
        }
        return string.Join('\n', parts);
    }

    /// <summary>The function of the triggers.</summary>
    public string Ring() => Read("ring");

    /// <param name="notify">When it rings.</param>
    /// <param name="channel">Where; null for the queue's own channel.</param>
    public string Trigger(TpqNotify notify, string? channel = null) => Read("trigger", notify, channel);

    /// <summary>What is missing, each with the word that names it in the log.</summary>
    public IReadOnlyList<(string Step, string Sql)> Upgrade(Catalog catalog)
    {
        var steps = new List<(string, string)>();
        foreach (string column in AddedColumns.Where(c => !catalog.Columns.Contains(c)))
            steps.Add((column, Read(column)));
        // What somebody has set on purpose stays.
        if (catalog.Storage.Length == 0)
            steps.Add(("storage", Read("storage")));
        if (!catalog.HasLater)
            steps.Add(("later", Read("later")));
        return steps;
    }

    /// <summary>In one pass, so that a name which looks like a placeholder stays a name.</summary>
    string Read(string file, TpqNotify notify = default, string? channel = null) => Placeholder().Replace(Resource(file), m => m.Value switch
    {
        "{table}" => name.Table,
        "{later}" => name.Later,
        "{ring}" => name.RingFunction,
        "{bell}" => Doorbell.BellLocks.ToString(CultureInfo.InvariantCulture),
        "{channel}" => Identifier.Literal(channel ?? name.Channel),
        "{notify}" => Identifier.Literal(notify == TpqNotify.Always ? "always" : "auto"),
        "{storage}" => Storage,
        _ => throw new InvalidOperationException($"Schema/{file}.sql has an unknown placeholder {m.Value}."),
    });

    static string Resource(string file)
    {
        using Stream stream = typeof(SchemaScript).Assembly.GetManifestResourceStream($"{file}.sql")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    [GeneratedRegex(@"\{\w+\}")]
    private static partial Regex Placeholder();
}
