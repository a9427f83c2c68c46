using System.Globalization;

namespace Tpq.Internal;

/// <summary>What is sent on the listening connection. <see cref="Doorbell"/> says why. None of it locks a row or a table.</summary>
static class ListenerSql
{
    static readonly string Election = Doorbell.ElectionLocks.ToString(CultureInfo.InvariantCulture);
    static readonly string Bell = Doorbell.BellLocks.ToString(CultureInfo.InvariantCulture);

    /// <summary>
    /// At each tick, for all queues: $1 the tables' names, $2 their oids, $3 which of them want a doorman. Whether it is still the same table, and
    /// whether the election was won.
    /// </summary>
    public static readonly string Tick =
        $"""
        SELECT to_regclass(q.name)::oid IS NOT DISTINCT FROM q.oid,
               CASE WHEN q.wants THEN pg_catalog.pg_try_advisory_lock({Election}, q.oid::int) END
        FROM unnest($1::text[], $2::oid[], $3::bool[]) AS q(name, oid, wants)
        """;

    /// <summary>Locks: the election of table $1, until it is released; never waits.</summary>
    public static readonly string Elect = $"SELECT pg_catalog.pg_try_advisory_lock({Election}, $1::oid::int)";

    /// <summary>For the transaction of the next statement, which is the batch's, so that nothing stays behind on the connection.</summary>
    public const string LockTimeout = "SELECT pg_catalog.set_config('lock_timeout', '100ms', true)";

    /// <summary>Locks: the bell of table $1, until it is released; waits for the commits of producers that share it.</summary>
    public static readonly string TakeBell = $"SELECT pg_catalog.pg_advisory_lock({Bell}, $1::oid::int)";

    /// <summary>Leaves the door of table $1, and tells the sleepers of channel $2, of whom one takes over.</summary>
    public static readonly string HandOver =
        $"SELECT pg_catalog.pg_advisory_unlock({Bell}, $1::oid::int), pg_catalog.pg_advisory_unlock({Election}, $1::oid::int), pg_catalog.pg_notify($2, '')";

    /// <summary>Gives the election of table $1 back, and tells the sleepers of channel $2, of whom one takes over.</summary>
    public static readonly string Resign = $"SELECT pg_catalog.pg_advisory_unlock({Election}, $1::oid::int), pg_catalog.pg_notify($2, '')";

    public const string Tell = "SELECT pg_catalog.pg_notify($1, $2)";

    /// <summary>Before the connection goes back to the pool.</summary>
    public const string LeaveAll = "SELECT pg_catalog.pg_advisory_unlock_all(); UNLISTEN *";
}
