using System.Globalization;

namespace Tpq.Internal;

/// <summary>
/// Looks into the queues: a bounded number of rows of each, by indexes. Never at a payload. One statement for many queues, so that a thousand of them
/// take ten.
/// </summary>
static class QueueContents
{
    /// <summary>How many queues one statement looks into: each costs a lock on two tables and their indexes, in ACCESS SHARE.</summary>
    public const int MostQueues = 100;

    /// <summary>How many messages of a queue are counted, or looked at, at most.</summary>
    const int MostRows = 1000;

    /// <summary>The kind of the last error, as the name of an exception's type; the text behind it may have a payload in it. By the text of the headers, for JSON may have what no text can hold.</summary>
    const string ErrorKind = """coalesce(substring(headers::text FROM '"tpq-error"\s*:\s*"([A-Za-z_][A-Za-z0-9_.+`]*):'), 'other')""";

    /// <summary>One row for each queue, whose number is its place in the list.</summary>
    public static string Look(IReadOnlyList<(int Number, ExaminedQueue Queue)> queues) =>
        string.Join("\nUNION ALL\n", queues.Select(static q => Look(q.Number, q.Queue)));

    static string Look(int number, ExaminedQueue queue)
    {
        string table = queue.Name.Table, later = queue.Name.Later;
        bool hasLater = queue.IsLaterWhole, hasAttempts = hasLater && queue.Columns.Contains("attempts");
        bool isDead = queue.IsDead && queue.Columns.Contains("headers");
        // The id before the sequence: what is put meanwhile moves both.
        return string.Create(CultureInfo.InvariantCulture,
            $"""
            SELECT {number}::bigint AS number, (SELECT id FROM {table} ORDER BY id LIMIT 1) AS first,
              {(queue.Columns.Contains("enqueued_at") ? Age("enqueued_at", $"{table} ORDER BY id LIMIT 1") : "NULL::float8")} AS age,
              greatest((SELECT max(id) FROM {table}), {(hasLater ? $"(SELECT max(id) FROM {later})" : "NULL")})::bigint AS last,
              {(queue.Sequence.Length > 0 ? $"(SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {queue.Sequence})" : "NULL::bigint")} AS sequence,
              {(hasLater ? Age("due_at", $"{later} WHERE due_at <= now() ORDER BY due_at LIMIT 1") : "NULL::float8")} AS overdue,
              {(hasLater ? $"EXISTS (SELECT FROM (SELECT lease FROM {later} WHERE due_at > now() ORDER BY due_at LIMIT {MostRows}) l WHERE lease IS NOT NULL)" : "false")} AS leased,
              {(hasLater ? Age("enqueued_at", $"{later} WHERE id = {Later.PauseId}") : "NULL::float8")} AS paused,
              {(hasAttempts ? $"(SELECT max(attempts) FROM ((SELECT attempts FROM {table} ORDER BY id LIMIT {MostRows}) UNION ALL (SELECT attempts FROM {later} ORDER BY due_at LIMIT {MostRows})) a)" : "0")}::bigint AS attempts,
              {(isDead ? $"(SELECT count(*) FROM (SELECT FROM {table} ORDER BY id LIMIT {MostRows}) d)" : "0::bigint")} AS dead,
              {(isDead ? $"(SELECT string_agg(kind || ' (' || n || ')', ', ') FROM (SELECT {ErrorKind} AS kind, count(*) AS n FROM (SELECT headers FROM {table} ORDER BY id DESC LIMIT 100) h GROUP BY 1 ORDER BY 2 DESC LIMIT 5) k)" : "NULL")} AS kinds
            """);
    }

    static string Age(string time, string row) => $"extract(epoch FROM clock_timestamp() - (SELECT {Sql.Readable(time)} FROM {row}))::float8";

    /// <summary>
    /// Which of the queues somebody consumes at this moment: who holds a message has deleted it, which locks the table, and who sleeps is or has a doorman.
    /// </summary>
    public static readonly string Attended = string.Create(CultureInfo.InvariantCulture,
        $"""
        SELECT DISTINCT q.number FROM {QueueExamination.Queues}
        JOIN pg_catalog.pg_locks l ON q.oid = CASE l.locktype WHEN 'relation' THEN l.relation WHEN 'advisory' THEN l.objid END
        WHERE l.granted AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
          AND (l.locktype = 'relation' AND l.mode = 'RowExclusiveLock'
               OR l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid = {Doorbell.ElectionLocks})
        """);

    public static readonly Func<Row, ExaminedQueue, Scope, Finding?>[] All = [Sequence, Overdue, Paused, Attempts, Dead];

    /// <summary>Whether messages wait, and nothing in the queue itself says that somebody takes them.</summary>
    public static bool IsLeftAlone(Row row, ExaminedQueue queue, Scope scope) =>
        row.Time("age") >= scope.Limits.Unconsumed && row.Time("paused") is null && !row.Is("leased") && !queue.IsDead;

    public static Finding Unconsumed(ExaminedQueue queue, TimeSpan age, Scope scope) => new(
        Severity.Warning, "no-consumer", queue.Queue, "Messages wait, and nobody consumes the queue.",
        $"The first message has waited for {Evidence.Time(age)}; nobody holds a message of the queue, leases one, or sleeps at it.",
        scope.Command("consume --follow", queue.Queue) + " -- ./handle");

    static Finding? Sequence(Row row, ExaminedQueue queue, Scope scope) =>
        row.NumberOrNull("sequence") is not { } last || row.Number("last") <= last ? null : new Finding(
            Severity.Error, "sequence", queue.Queue, "The sequence is behind the ids in the queue: puts fail with a duplicate key, or come before older messages.",
            $"{queue.Sequence} is at {Evidence.Count(last)}, and there is a message {Evidence.Count(row.Number("last"))}.",
            string.Create(CultureInfo.InvariantCulture, $"SELECT setval({Identifier.Literal(queue.Sequence)}, {row.Number("last")})"));

    static Finding? Overdue(Row row, ExaminedQueue queue, Scope scope) =>
        row.Time("overdue") is not { } overdue || overdue < scope.Limits.Overdue || row.Time("paused") is not null ? null : new Finding(
            Severity.Warning, "overdue", queue.Queue, "Messages are due, and nobody makes them ready: that is done by whoever consumes the queue.",
            $"The first one was due {Evidence.Time(overdue)} ago.", scope.Command("consume --follow", queue.Queue) + " -- ./handle");

    static Finding? Paused(Row row, ExaminedQueue queue, Scope scope) => row.Time("paused") is not { } paused ? null : new Finding(
        row.Time("age") >= scope.Limits.Unconsumed ? Severity.Warning : Severity.Info, "paused", queue.Queue, "The queue is paused: its consumers take nothing.",
        $"It was paused {Evidence.Time(paused)} ago{(row.Time("age") is { } age ? $"; the first message has waited for {Evidence.Time(age)}" : "")}.", scope.Command("resume", queue.Queue));

    static Finding? Attempts(Row row, ExaminedQueue queue, Scope scope) => row.Number("attempts") < scope.Limits.Attempts || queue.IsDead ? null : new Finding(
        Severity.Warning, "attempts", queue.Queue, "Messages go round and round: they fail, and do not die.",
        $"One has failed {Evidence.Count(row.Number("attempts"), "time")}; a consumer's MaxAttempts is larger, or there is no dead letter queue and none can be made.",
        scope.Command("create", queue.Queue + DeadLetters.Suffix));

    static Finding? Dead(Row row, ExaminedQueue queue, Scope scope) => row.Number("dead") == 0 ? null : new Finding(
        Severity.Warning, "dead-letters", queue.Queue, "There are dead letters: messages that could not be handled.",
        $"{Evidence.Count(row.Number("dead"))}{(row.Number("dead") == MostRows ? " or more" : "")}; the last ones by error: {row.Text("kinds")}.",
        $"{scope.Command("peek --json", queue.Queue)}; {scope.Command("move", queue.Queue, queue.Queue[..^DeadLetters.Suffix.Length])}");
}
