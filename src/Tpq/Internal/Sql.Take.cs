namespace Tpq.Internal;

/// <content>The takes: how messages come into a transaction's hand.</content>
/// <remarks>
/// <para>How two consumers never take the same message. A take deletes the row in a transaction that stays open while the message is in
/// hand. The inner SELECT walks the primary key and locks the first row that it can: FOR UPDATE makes the row this
/// transaction's, and SKIP LOCKED passes over rows that are another's instead of waiting for them. Until the commit every other
/// transaction still sees the row (MVCC) but finds it locked; a rollback, or the death of the connection, unlocks it, unchanged and at
/// its old place in line; a commit removes it for good. No state is written to say "in hand", so there is none to clean up.</para>
/// <para>The locking subquery must be <c>(SELECT … LIMIT 1)</c>, <c>ARRAY(SELECT … LIMIT n)</c> or a MATERIALIZED CTE, whose value the delete compares: these are
/// run once, before the outer scan. In the forms <c>IN (SELECT …)</c> and <c>USING (SELECT …)</c> the planner may run it again for each outer
/// row, and then more rows are locked and deleted than were asked for.</para>
/// <para>RETURNING * and not a list of columns: queues made by the Python tpq or an older version lack some, and the reader goes by name.
/// RETURNING promises no order, so batches are sorted by id on this side.</para>
/// </remarks>
sealed partial class Sql
{
    /// <summary>Locks: the row taken, until the transaction ends. Index: the primary key, from behind $1, which <see cref="Head"/> chooses.</summary>
    public string Take => field ??= $"DELETE FROM {_table} WHERE id = ({Scan("$1", "1")}) RETURNING *";

    /// <summary>Locks and index as <see cref="Take"/>, for at most $2 rows.</summary>
    public LimitedSql TakeMany => field ??= new("$2", limit =>
        $"WITH picked AS MATERIALIZED (SELECT ARRAY({Scan("$1", limit)}) AS ids) DELETE FROM {_table} WHERE {IsPicked} RETURNING *");

    /// <summary>
    /// As <see cref="Take"/>, but tries the ids $2 first, scans only where none of them could be locked, and tells whether it is a suspect: see
    /// <see cref="Suspects"/>. It costs about a tenth more than the plain one.
    /// </summary>
    public string TakeCarefully => field ??=
        $"{Picked("$2", "$1", "1")} DELETE FROM {_table} WHERE id = (SELECT ids[1] FROM picked) RETURNING *, {IsSuspect}";

    /// <summary>As <see cref="TakeMany"/> and <see cref="TakeCarefully"/>, the ids $3 first.</summary>
    public LimitedSql TakeManyCarefully => field ??= new("$2", limit =>
        $"{Picked("$3", "$1", limit)} DELETE FROM {_table} WHERE {IsPicked} RETURNING *, {IsSuspect}");

    /// <summary>The first id behind $1, in hand or not; null for none. Locks: no row. Index: the primary key, as <see cref="Take"/> scans it.</summary>
    public string Glance => field ??= $"SELECT (SELECT q.id FROM {_table} q, {Many} WHERE q.id > $1 ORDER BY q.id LIMIT 1)";

    /// <summary>Which of the ids $1 the snapshot shows, in hand or not. Locks: no row. Index: the primary key.</summary>
    public string StillThere => field ??= $"SELECT id FROM {_table} WHERE id = ANY ($1)";

    /// <summary>The rows whose ids are in the array of <c>picked</c>, which is in order.</summary>
    /// <remarks>
    /// To find each row again by its id costs as much as to lock it, and more where the planner takes an index of many pages for one of few entries. So the
    /// primary key, which the scan has just walked, is walked from the first id to the last. Where these are as far apart as there are ids, every row between them is one that was locked.
    /// Else there are gaps, or rows that others have, and each id is looked up in a hash table, which PostgreSQL makes for IN and not for ANY; what is not in it is neither locked nor waited
    /// for. Known ids may lie far apart, and what lies between them is walked; but only between those that were locked, and so are not known any longer.
    /// </remarks>
    const string IsPicked =
        """
        id BETWEEN (SELECT ids[1] FROM picked) AND (SELECT ids[pg_catalog.cardinality(ids)] FROM picked)
          AND ((SELECT ids[pg_catalog.cardinality(ids)] = ids[1] + (pg_catalog.cardinality(ids) - 1) FROM picked)
               OR id IN (SELECT pg_catalog.unnest((SELECT ids FROM picked))))
        """;

    /// <summary>Null where there are no suspects at all.</summary>
    const string IsSuspect = $"id = ANY ((SELECT suspects FROM picked)::bigint[]) AS {MessageColumns.Suspect}";

    /// <summary>
    /// One row, of which the planner expects a million, a thousand for each of two functions that do not tell it better. Joined to a scan that stops
    /// early it makes the order of the index worth its price, whatever was last counted. Without it, where a table was counted when it was all but
    /// empty, after it had been full, the planner reads all that is waiting, which may be any number by now, and sorts it, at each take.
    /// </summary>
    const string Many = "(SELECT pg_catalog.generate_subscripts('{1}'::int[], 1) FROM pg_catalog.generate_subscripts('{1}'::int[], 1)) many";

    string Scan(string after, string limit) =>
        $"SELECT q.id FROM {_table} q, {Many} WHERE q.id > {after} AND {HasJson} ORDER BY q.id FOR UPDATE OF q SKIP LOCKED LIMIT {limit}";

    /// <summary>
    /// One row, <c>picked</c>: the ids that were locked, and which of them are suspects; null for none. As arrays, for a batch reads them twice, and rows would be
    /// written to a store and read from it each time.
    /// </summary>
    string Picked(string ids, string after, string limit, string condition = "") =>
        $"""
        WITH known AS MATERIALIZED (
            SELECT q.id, q.xmax FROM {_table} q, {Many} WHERE q.id = ANY ({ids}) {condition} ORDER BY q.id FOR UPDATE OF q SKIP LOCKED LIMIT {limit}),
        picked AS MATERIALIZED (
            SELECT array_agg(id) AS ids, array_agg(id) FILTER (WHERE xmax <> 0) AS suspects FROM (
                SELECT * FROM known
                UNION ALL SELECT * FROM (
                    SELECT q.id, q.xmax FROM {_table} q, {Many}
                    WHERE NOT EXISTS (SELECT FROM known) AND q.id > {after} AND {HasJson} {condition} ORDER BY q.id FOR UPDATE OF q SKIP LOCKED LIMIT {limit}) scanned) found)
        """;
}
