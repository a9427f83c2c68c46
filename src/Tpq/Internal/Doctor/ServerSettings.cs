namespace Tpq.Internal;

/// <summary>Settings of the server, the database and the role, as a new session of this one's kind has them.</summary>
static class ServerSettings
{
    static readonly Rule[] Rules =
    [
        new("fsync", "off", "on", Severity.Error, "durability", "What was committed may be lost, and the data be spoilt, when the machine fails."),
        new("full_page_writes", "off", "on", Severity.Error, "durability", "The data may be spoilt when the machine fails."),
        new("synchronous_commit", "off", "on", Severity.Warning, "durability", "A put that has returned may be lost, and a message be handled twice, when the server fails."),
        new("autovacuum", "off", "on", Severity.Error, "autovacuum", "Nobody removes dead rows: takes become slower and slower."),
        new("track_counts", "off", "on", Severity.Error, "autovacuum", "Autovacuum does not learn of dead rows, and does not come: takes become slower and slower."),
        new("default_transaction_read_only", "on", "off", Severity.Error, "read-only", "Transactions are read-only: nothing can be put or taken."),
    ];

    static readonly Dictionary<string, (Severity Severity, string Title)> Timeouts = new(StringComparer.Ordinal)
    {
        ["idle_in_transaction_session_timeout"] = (Severity.Warning, "The server ends a handler's session when it works for longer between two statements; its message is back, and it dies of it again."),
        ["transaction_timeout"] = (Severity.Warning, "The server ends a handler's session when its transaction takes longer; its message is back, and it dies of it again."),
        ["statement_timeout"] = (Severity.Info, "The server cancels a handler's statement that takes longer."),
        ["lock_timeout"] = (Severity.Info, "The server cancels a handler's statement that waits longer for a lock."),
    };

    static readonly string Names = string.Join(", ", Rules.Select(static r => r.Name).Concat(Timeouts.Keys).Select(Identifier.Literal));

    static readonly Examination Settings = new(
        "settings",
        $"""
        SELECT name, reset_val AS value, source, context, session_user::text AS role, pg_catalog.current_database()::text AS database
        FROM pg_catalog.pg_settings WHERE name IN ({Names}) ORDER BY name
        """,
        Find);

    public static readonly Examination[] All = [Settings];

    static Finding? Find(Row row, Scope scope)
    {
        (string name, string value) = (row.Text("name"), row.Text("value"));
        if (Rules.FirstOrDefault(r => r.Name == name) is { } rule)
            return value != rule.Sick ? null : new Finding(
                rule.Severity, rule.Check, null, rule.Title, $"{name} is {value}, by: {row.Text("source")}.",
                (name == "default_transaction_read_only" ? $"SET {name} = off; " : "") + Mend(row, rule.Healthy));
        if (!long.TryParse(value, out long milliseconds) || milliseconds <= 0 || TimeSpan.FromMilliseconds(milliseconds) >= scope.Limits.Handler)
            return null;
        (Severity severity, string title) = Timeouts[name];
        return new Finding(
            severity, "timeout", null, title,
            $"{name} is {Evidence.Time(TimeSpan.FromMilliseconds(milliseconds))}, by: {row.Text("source")}; a handler may take {Evidence.Time(scope.Limits.Handler)} by default.",
            Mend(row, $"'{scope.Limits.Handler.TotalMilliseconds:0}ms'"));
    }

    /// <summary>Where it was set; what came from the server's files is set for the role, where it can be.</summary>
    static string Mend(Row row, string value)
    {
        string set = $"SET {row.Text("name")} = {value}", role = $"ALTER ROLE {Identifier.Quote(row.Text("role"))}", database = Identifier.Quote(row.Text("database"));
        return row.Text("source") switch
        {
            "database" => $"ALTER DATABASE {database} {set}",
            "user" => $"{role} {set}",
            "database user" => $"{role} IN DATABASE {database} {set}",
            "client" => $"Take {row.Text("name")} out of the connection string's Options, or PGOPTIONS.",
            _ when row.Text("context") is "user" or "superuser" && row.Text("name") != "track_counts" => $"{role} {set}",
            // It goes before ALTER SYSTEM.
            "command line" => $"Take {row.Text("name")} out of the server's command line, and restart the server.",
            _ => $"ALTER SYSTEM {set}; SELECT pg_reload_conf()",
        };
    }

    sealed record Rule(string Name, string Sick, string Healthy, Severity Severity, string Check, string Title);
}
