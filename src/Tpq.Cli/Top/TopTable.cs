using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;
using Tpq.Internal;
using Tpq.Internal.Overview;

namespace Tpq.Cli.Top;

/// <summary>The queues at a moment, those with the most messages first, as many as fit.</summary>
/// <param name="address">The database.</param>
/// <param name="rates">What came in and went out; null where that is not known, as it takes two looks.</param>
sealed class TopTable(DatabaseAddress address, Rates? rates)
{
    /// <summary>Lines beside those of queues: two above the table, its frame and the columns' names, and what is left out.</summary>
    const int OtherLines = 8;

    const string None = "none";

    public IRenderable Build(DatabaseOverview overview, int height)
    {
        // A dead letter queue is a column of the queue that it belongs to.
        List<QueueOverview> queues = [.. overview.Queues
            .Where(q => !q.Name.EndsWith(DeadLetters.Suffix, StringComparison.Ordinal) || overview.Find(q.Name[..^DeadLetters.Suffix.Length]) is null)
            .OrderByDescending(static q => q.Ready.Count + (q.Leased?.Count ?? 0)).ThenBy(static q => q.Name, StringComparer.Ordinal)];
        int shown = Math.Min(queues.Count, Math.Max(1, height - OtherLines));
        var table = new Spectre.Console.Table { Border = TableBorder.Rounded, Expand = true };
        foreach (string column in (string[])["queue", "ready", "in hand", "later", "dead", "oldest", "in/s", "out/s", "consumers"])
            table.AddColumn(new TableColumn(new Text(column)) { NoWrap = true, Alignment = column is "queue" or "consumers" ? Justify.Left : Justify.Right });
        foreach (QueueOverview queue in queues.Take(shown))
            table.AddRow(Row(queue, overview));
        string rest = queues.Count > shown ? $"{Display.Count(queues.Count - shown)} more" : queues.Count == 0 ? "There is no queue: tpq create NAME makes one." : "";
        string time = overview.At.LocalDateTime.ToString("HH:mm:ss", CultureInfo.InvariantCulture);
        return new Rows(new Text(Display.Safe($"{time} {address}")), new Text(Sums(queues)), table, new Text(rest, Color.Grey));
    }

    string Sums(List<QueueOverview> queues)
    {
        var ready = new Tally(queues.Sum(static q => q.Ready.Count), queues.Any(static q => q.Ready.IsEstimate));
        string sums = $"{(queues.Count == 1 ? "1 queue" : $"{Display.Count(queues.Count)} queues")}, {Number(ready)} ready";
        if (rates is null)
            return sums;
        (double In, double Out)[] known = [.. queues.Select(q => rates.Now(q.Name) ?? default)];
        return sums + string.Create(CultureInfo.InvariantCulture, $", {known.Sum(static r => r.In):N0} in and {known.Sum(static r => r.Out):N0} out a second");
    }

    Text[] Row(QueueOverview queue, DatabaseOverview overview)
    {
        (double In, double Out)? rate = rates?.Now(queue.Name);
        var inHand = new Tally(queue.InHand.Count + (queue.Leased?.Count ?? 0), queue.InHand.IsEstimate || queue.Leased is { IsEstimate: true });
        Tally? dead = overview.DeadOf(queue.Name);
        return
        [
            new(Display.Safe(queue.Name)),
            Counted(queue.Ready),
            Counted(inHand),
            Counted(queue.Delayed),
            Counted(dead, Color.Red),
            new(queue.Oldest is { } oldest ? Display.Age(oldest, overview.At) : ""),
            Rate(rate?.In),
            Rate(rate?.Out),
            new(Consumers(queue), queue.IsPaused || (queue.Ready.Count > 0 && Consumers(queue) == None) ? Color.Yellow : null),
        ];
    }

    /// <summary>What is known of those who consume.</summary>
    public static string Consumers(QueueOverview queue) => queue switch
    {
        { IsPaused: true } => "paused",
        { Holders: > 0 } => $"{Display.Count(queue.Holders)} at work",
        { Leased.Count: > 0 } => "at work",
        { IsAwaited: true } => "waiting",
        _ => None,
    };

    static Text Counted(Tally? tally, Color? color = null) => tally is { Count: > 0 } some ? new(Number(some), color) : new(tally is null ? "" : "0", Color.Grey);

    /// <summary>Empty where it is not known.</summary>
    public static string Number(Tally? tally) => tally is { } known ? $"{(known.IsEstimate ? "~" : "")}{Display.Count(known.Count)}" : "";

    static Text Rate(double? rate) => rate is { } known
        ? new(known.ToString(known is > 0 and < 10 ? "0.0" : "N0", CultureInfo.InvariantCulture), known > 0 ? null : Color.Grey)
        : new("");
}
