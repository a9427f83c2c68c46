using System.Text.RegularExpressions;

namespace Tpq.Internal;

/// <summary>The triggers by which puts wake consumers, and their function.</summary>
static partial class QueueTrigger
{
    static readonly QueueExamination Trigger = new(
        "triggers",
        $"""
        SELECT q.number, {QueueExamination.Table} AS name, g.oid IS NOT NULL AS is_there, g.tgenabled IN ('O', 'A') AS is_enabled, p.proname = 'tpq_ring' AS is_ours,
               g.tgtype = 5 AND g.tgdeferrable AND g.tginitdeferred AND g.tgqual IS NOT NULL AS is_as_made, to_regprocedure(pg_catalog.format('%I.tpq_ring()', n.nspname)) IS NOT NULL AS has_function,
               CASE WHEN g.tgnargs = 2 THEN pg_catalog.convert_from(pg_catalog.substring(g.tgargs, 1, g.ending - 1), pg_catalog.getdatabaseencoding()) END AS channel,
               CASE WHEN g.tgnargs = 2 THEN pg_catalog.convert_from(pg_catalog.rtrim(pg_catalog.substring(g.tgargs, g.ending + 1), '\x00'::bytea), pg_catalog.getdatabaseencoding()) END AS notify,
               EXISTS (SELECT FROM pg_catalog.pg_trigger o JOIN pg_catalog.pg_proc f ON f.oid = o.tgfoid WHERE o.tgrelid = c.oid AND starts_with(f.proname, 'tpq_notify_')) AS has_pythons
        FROM {QueueExamination.Queues} JOIN pg_catalog.pg_class c ON c.oid = q.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN (SELECT *, position('\x00'::bytea IN tgargs) AS ending FROM pg_catalog.pg_trigger) g ON g.tgrelid = c.oid AND g.tgname = 'tpq_ring'
        LEFT JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
        """,
        static (row, queue, scope) => row.Is("is_there") ? FindInTrigger(row, queue, scope) : row.Is("has_pythons") ? null : new Finding(
            Severity.Info, "trigger", queue.Queue, "Puts ring no bell, so consumers look once a second: the queue was made with --notify=never, or has lost its trigger.",
            $"{row.Text("name")} has no trigger tpq_ring.", Script(row, queue, scope, TpqNotify.Auto)));

    static readonly QueueExamination Function = new(
        "trigger functions",
        $"""
        SELECT min(q.number) AS number, count(*) AS queues, pg_catalog.format('%I.%I', n.nspname, p.proname) AS name, p.prosrc AS source, p.prosecdef AS is_definer
        FROM {QueueExamination.Queues} JOIN pg_catalog.pg_trigger g ON g.tgrelid = q.oid AND g.tgname = 'tpq_ring'
        JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE p.proname = 'tpq_ring' GROUP BY p.oid, n.nspname, p.proname, p.prosrc, p.prosecdef
        """,
        static (row, queue, _) =>
        {
            string script = new SchemaScript(queue.Name).Ring();
            return row.Text("source") == Body().Match(script).Groups["body"].Value && !row.Is("is_definer") ? null : new Finding(
                Severity.Warning, "trigger-function", null, "The function behind the triggers is not the one of this version: puts may wake nobody, or ring needlessly.",
                $"{row.Text("name")}(), which {Evidence.Count(row.Number("queues"), "queue")} use, differs from what tpq {typeof(QueueTrigger).Assembly.GetName().Version} makes.", script.Trim());
        });

    public static readonly QueueExamination[] All = [Trigger, Function];

    static Finding? FindInTrigger(Row row, ExaminedQueue queue, Scope scope)
    {
        string name = row.Text("name");
        if (!row.Is("is_enabled"))
            return new Finding(
                Severity.Warning, "trigger", queue.Queue, "Puts ring no bell, though the queue is made for it: consumers wait longer.", $"Trigger tpq_ring of {name} is disabled.",
                $"ALTER TABLE {name} ENABLE TRIGGER tpq_ring");
        (string channel, string notify) = (row.Text("channel"), row.Text("notify"));
        bool isAsMade = row.Is("is_as_made") && row.Is("is_ours") && notify is "auto" or "always" && (channel == queue.Queue || channel == queue.Name.Channel);
        return isAsMade ? null : new Finding(
            Severity.Warning, "trigger", queue.Queue, "The trigger is not as tpq makes it: puts may wake nobody.",
            $"Trigger tpq_ring of {name} has channel \"{channel}\" and notify \"{notify}\"{(row.Is("is_as_made") && row.Is("is_ours") ? "" : ", and another function, time or condition")}.",
            $"DROP TRIGGER tpq_ring ON {name};\n{Script(row, queue, scope, notify == "always" ? TpqNotify.Always : TpqNotify.Auto)}");
    }

    /// <summary>What makes the trigger, with the channel that the client's schema gives it, and its function where there is none.</summary>
    static string Script(Row row, ExaminedQueue queue, Scope scope, TpqNotify notify)
    {
        var script = new SchemaScript(queue.Name);
        string channel = QueueName.Create(queue.Queue, scope.Prefix, scope.Schema).Channel;
        return (row.Is("has_function") ? "" : script.Ring()) + script.Trigger(notify, channel).Trim();
    }

    [GeneratedRegex(@"\$\$(?<body>.*)\$\$", RegexOptions.Singleline)]
    private static partial Regex Body();
}
