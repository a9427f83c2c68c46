using System.Globalization;

namespace Tpq.Internal;

/// <summary>
/// What keeps VACUUM from removing dead rows. A queue lives from that: each take has made one, and takes pass over those that stay.
/// </summary>
static class VacuumHorizon
{
    static readonly Examination Transactions = new(
        "long transactions",
        """
        SELECT pid::bigint AS pid, coalesce(application_name, '') AS application, coalesce(host(client_addr), 'this host') AS host, usename::text AS role,
               coalesce(state, '') AS state, extract(epoch FROM clock_timestamp() - xact_start)::float8 AS age,
               backend_xid IS NOT NULL OR backend_xmin IS NOT NULL AS holds
        FROM pg_catalog.pg_stat_activity
        WHERE datname = pg_catalog.current_database() AND backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid() AND xact_start IS NOT NULL
        ORDER BY xact_start LIMIT 5
        """,
        static (row, scope) => row.Time("age") is { } age && age >= scope.Limits.LongTransaction
            ? new Finding(
                Gravity(age, scope), "long-transaction", null,
                row.Is("holds") ? "A long transaction keeps VACUUM from removing dead rows." : "A long transaction is idle, and keeps its locks.",
                string.Create(CultureInfo.InvariantCulture,
                    $"Process {row.Number("pid")} (application \"{row.Text("application")}\", role \"{row.Text("role")}\", from {row.Text("host")}) is {row.Text("state")}; its transaction began {Evidence.Time(age)} ago."),
                string.Create(CultureInfo.InvariantCulture, $"SELECT pg_terminate_backend({row.Number("pid")})"))
            : null);

    static readonly Examination Prepared = new(
        "prepared transactions",
        """
        SELECT gid, owner::text AS role, extract(epoch FROM clock_timestamp() - prepared)::float8 AS age
        FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database() ORDER BY prepared LIMIT 5
        """,
        static (row, scope) => row.Time("age") is { } age && age >= scope.Limits.LongTransaction
            ? new Finding(
                Gravity(age, scope), "prepared-transaction", null, "A prepared transaction that nobody ends keeps VACUUM from removing dead rows, and keeps its locks.",
                $"Transaction \"{row.Text("gid")}\" of role \"{row.Text("role")}\" was prepared {Evidence.Time(age)} ago.",
                $"ROLLBACK PREPARED {Identifier.Literal(row.Text("gid"))}")
            : null);

    static readonly Examination Slots = new(
        "replication slots",
        """
        SELECT slot_name::text AS slot, active, coalesce(wal_status, '') AS status, xmin IS NOT NULL AS holds, age(xmin)::bigint AS age,
               pg_catalog.pg_wal_lsn_diff(
                 CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END, restart_lsn)::bigint AS kept
        FROM pg_catalog.pg_replication_slots WHERE NOT temporary ORDER BY slot_name
        """,
        Slot);

    static readonly Examination Standbys = new(
        "standbys",
        """
        SELECT coalesce(application_name, '') AS application, coalesce(host(client_addr), 'this host') AS host, age(backend_xmin)::bigint AS age
        FROM pg_catalog.pg_stat_replication WHERE backend_xmin IS NOT NULL ORDER BY 3 DESC LIMIT 5
        """,
        static (row, scope) => row.Number("age") >= scope.Limits.StandbyAge
            ? Feedback($"Standby \"{row.Text("application")}\" on {row.Text("host")} holds rows back", row.Number("age"))
            : null);

    public static readonly Examination[] All = [Transactions, Prepared, Slots, Standbys];

    static Finding? Slot(Row row, Scope scope)
    {
        string slot = row.Text("slot");
        long kept = row.Number("kept");
        if (row.Is("active"))
            return row.Number("age") >= scope.Limits.StandbyAge ? Feedback($"The reader of slot \"{slot}\" holds rows back", row.Number("age")) : null;
        string drop = $"SELECT pg_drop_replication_slot({Identifier.Literal(slot)})";
        if (row.Text("status") == "lost")
            return new Finding(
                Severity.Warning, "replication-slot", null, "A replication slot is lost: its reader cannot go on from it.", $"Slot \"{slot}\" has the state \"lost\".", drop);
        if (row.Is("holds"))
            return new Finding(
                Severity.Error, "replication-slot", null, "A replication slot that nobody reads keeps VACUUM from removing dead rows.",
                $"Slot \"{slot}\" is not active, and holds rows back for {Evidence.Count(row.Number("age"), "transaction")}.", drop);
        return kept < scope.Limits.SlotBytes ? null : new Finding(
            Severity.Warning, "replication-slot", null, "A replication slot that nobody reads keeps the server's log, until the disk is full.",
            $"Slot \"{slot}\" is not active, and keeps {Evidence.Bytes(kept)}.", drop);
    }

    static Finding Feedback(string who, long age) => new(
        Severity.Warning, "standby", null, "A query on a standby with hot_standby_feedback keeps VACUUM from removing dead rows here.",
        $"{who} for {Evidence.Count(age, "transaction")}.",
        "On the standby: SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 1");

    static Severity Gravity(TimeSpan age, Scope scope) => age >= scope.Limits.GraveTransaction ? Severity.Error : Severity.Warning;
}
