using System.Globalization;

namespace Tpq.Internal;

/// <summary>What the server is, and how full.</summary>
static class ServerState
{
    /// <summary>The last day of each version's support.</summary>
    static readonly Dictionary<long, DateTimeOffset> EndsOfLife = new()
    {
        [14] = Day(2026, 11, 12),
        [15] = Day(2027, 11, 11),
        [16] = Day(2028, 11, 9),
        [17] = Day(2029, 11, 8),
        [18] = Day(2030, 11, 14),
    };

    static readonly Examination Version = new(
        "the server's version",
        "SELECT pg_catalog.current_setting('server_version_num')::bigint / 10000 AS major, pg_catalog.current_setting('server_version') AS version",
        static (row, scope) => EndsOfLife.TryGetValue(row.Number("major"), out DateTimeOffset end) && scope.Time.GetUtcNow() > end
            ? new Finding(
                Severity.Warning, "server-version", null, "This version of PostgreSQL gets no more fixes.",
                string.Create(CultureInfo.InvariantCulture, $"PostgreSQL {row.Text("version")}; its support ended on {end:yyyy-MM-dd}."),
                string.Create(CultureInfo.InvariantCulture, $"pg_upgrade, to PostgreSQL {EndsOfLife.Keys.Max()}"))
            : null);

    static readonly Examination Clock = new(
        "the clocks",
        "SELECT extract(epoch FROM clock_timestamp())::float8 AS now",
        static (row, scope) =>
        {
            TimeSpan ahead = scope.Time.GetUtcNow() - DateTimeOffset.UnixEpoch - row.Time("now")!.Value;
            return ahead.Duration() < scope.Limits.Clock ? null : new Finding(
                Severity.Warning, "clock", null, "The clocks of this machine and of the server differ: what is put with a time of this machine's (DueAt) comes too early or too late.",
                $"This machine's clock is {Evidence.Time(ahead.Duration())} {(ahead > TimeSpan.Zero ? "ahead of" : "behind")} the server's.",
                "timedatectl set-ntp true");
        });

    static readonly Examination Standby = new(
        "the server's role",
        "SELECT pg_catalog.pg_is_in_recovery() AS standby",
        static (row, _) => !row.Is("standby") ? null : new Finding(
            Severity.Error, "read-only", null, "The server is a standby: nothing can be put or taken.", "pg_is_in_recovery() is true.",
            "Connect to the primary, or, if there is none any more: SELECT pg_promote()"));

    static readonly Examination Connections = new(
        "connections",
        """
        SELECT 'server' AS bound, '' AS name, sum(numbackends)::bigint AS used,
               (pg_catalog.current_setting('max_connections')::int - pg_catalog.current_setting('superuser_reserved_connections')::int
                 - coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::int)::bigint AS most
        FROM pg_catalog.pg_stat_database WHERE datid <> 0
        UNION ALL
        SELECT 'database', datname::text, pg_catalog.pg_stat_get_db_numbackends(oid)::bigint, datconnlimit::bigint
        FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database() AND datconnlimit > 0
        UNION ALL
        SELECT 'role', r.rolname::text, (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = r.oid), r.rolconnlimit::bigint
        FROM pg_catalog.pg_roles r WHERE r.rolname = session_user AND r.rolconnlimit > 0
        """,
        static (row, scope) =>
        {
            (string bound, long used, long most) = (row.Text("bound"), row.Number("used"), row.Number("most"));
            string where = bound == "server" ? "the server" : $"{bound} \"{row.Text("name")}\"";
            return used < most * scope.Limits.Connections ? null : new Finding(
                used >= most ? Severity.Error : Severity.Warning, "connections", null,
                $"The connections of {where} are nearly used up; a message that is held takes one.",
                $"{Evidence.Count(used)} of {Evidence.Count(most)} are in use.",
                bound switch
                {
                    "database" => $"ALTER DATABASE {Identifier.Quote(row.Text("name"))} CONNECTION LIMIT -1",
                    "role" => $"ALTER ROLE {Identifier.Quote(row.Text("name"))} CONNECTION LIMIT -1",
                    _ => string.Create(CultureInfo.InvariantCulture, $"ALTER SYSTEM SET max_connections = {most * 2}; and restart the server. Or smaller pools, or leases."),
                });
        });

    static readonly Examination Notifications = new(
        "the queue of notifications",
        """
        SELECT pg_catalog.pg_notification_queue_usage() AS usage, (
          SELECT pid FROM pg_catalog.pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_catalog.pg_backend_pid() ORDER BY xact_start LIMIT 1)::bigint AS oldest,
          current_user::text AS role
        """,
        static (row, scope) => row.Real("usage") < scope.Limits.Notifications ? null : new Finding(
            row.Real("usage") < 0.5 ? Severity.Warning : Severity.Error, "notifications", null,
            "The server's queue of notifications fills up, because a session that listens does not read them; when it is full, puts that ring fail.",
            $"{Evidence.Part(row.Real("usage"))} of it are in use.",
            row.NumberOrNull("oldest") is { } oldest
                ? string.Create(CultureInfo.InvariantCulture, $"SELECT pg_terminate_backend({oldest})")
                : $"GRANT pg_monitor TO {Identifier.Quote(row.Text("role"))}; and examine again: it shows whose transaction is the oldest."));

    static readonly Examination Sight = new(
        "the rights to look",
        "SELECT pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') AS sees, current_user::text AS role",
        static (row, _) => row.Is("sees") ? null : new Finding(
            Severity.Info, "visibility", null, "Could not look at the transactions of other roles, nor at standbys.",
            $"Role \"{row.Text("role")}\" has not the rights of pg_read_all_stats.", $"GRANT pg_monitor TO {Identifier.Quote(row.Text("role"))}"));

    public static readonly Examination[] All = [Version, Clock, Standby, Connections, Notifications, Sight];

    static DateTimeOffset Day(int year, int month, int day) => new(year, month, day, 23, 59, 59, TimeSpan.Zero);
}
