using System.Diagnostics;
using System.Numerics;

namespace Tpq.Internal;

/// <summary>
/// Every statement that runs against a queue, composed once for each queue; the DDL is in Schema/*.sql. Names are quoted by
/// <see cref="Identifier"/>, values are always parameters.
/// </summary>
sealed partial class Sql(QueueName name)
{
    /// <summary>The most messages that one statement puts.</summary>
    public const int MostPuts = 16;

    readonly string _table = name.Table;
    readonly string?[] _puts = new string?[2 * (BitOperations.Log2(MostPuts) + 1)];

    /// <summary>Rule: the level is stated, whatever default_transaction_isolation says. SKIP LOCKED wants a new snapshot each statement.</summary>
    public const string Begin = "BEGIN ISOLATION LEVEL READ COMMITTED";

    /// <summary>
    /// Goes before COMMIT. COMMIT of a transaction in which a statement has failed answers ROLLBACK and no error; this raises one. And it lets
    /// the warning through that <see cref="CommitWatch"/> waits for.
    /// </summary>
    public const string CommitGuard = "SET LOCAL client_min_messages = warning";

    public const string Commit = "COMMIT";

    /// <summary>
    /// Commits, and begins the next transaction with the same isolation and access: behind a handler that has made its own read only the take fails, and
    /// the next look is in a new one. Its <c>now()</c> is when the commit began.
    /// </summary>
    public const string CommitAndChain = "COMMIT AND CHAIN";

    /// <summary>The transaction's setting that keeps the bell silent about what is put; empty where it is not set.</summary>
    public const string Quiet = "SELECT coalesce(pg_catalog.current_setting('tpq.quiet', true), '')";

    public const string SetQuiet = "SELECT pg_catalog.set_config('tpq.quiet', $1, true)";

    /// <summary>The number of the server's process.</summary>
    public const string Process = "SELECT pg_catalog.pg_backend_pid()";

    /// <summary>
    /// Goes with whatever reads messages: a table without <c>data</c> of type json is refused as soon as the statement is parsed, before a row is taken
    /// from it. The planner folds it to nothing.
    /// </summary>
    const string HasJson = "(true OR pg_catalog.json_typeof(data) IS NULL)";

    /// <summary>Before the first statement of a handler's, so that its writes can be undone and the message be kept. A name that nobody else has.</summary>
    public const string HandlerSavepoint = "tpq_handler";

    public const string SaveForHandler = $"SAVEPOINT {HandlerSavepoint}";

    public const string UndoHandler = $"ROLLBACK TO SAVEPOINT {HandlerSavepoint}";

    /// <summary>For the rest of the transaction: what is put rings no bell.</summary>
    public const string BeQuiet = "SELECT pg_catalog.set_config('tpq.quiet', 'on', true)";

    /// <summary>
    /// Puts messages, and returns their ids in the same order: VALUES are inserted, and returned, row by row as they stand, which no other source of rows
    /// promises. The parameters are the payload, and the headers where there are any, of one after the other. Locks: ROW EXCLUSIVE on the table. Index: none read, the primary key written.
    /// </summary>
    /// <param name="messages">How many; a power of two, so that a connection has few of these statements to prepare.</param>
    /// <param name="withHeaders">Whether they have headers. A queue of the Python tpq has no column for them.</param>
    public string Put(int messages, bool withHeaders)
    {
        Debug.Assert(BitOperations.IsPow2(messages) && messages <= MostPuts);
        return _puts[BitOperations.Log2((uint)messages) * 2 + (withHeaders ? 1 : 0)] ??= withHeaders
            ? $"INSERT INTO {_table} (data, headers) VALUES {Rows(messages, static i => $"(${2 * i + 1}, ${2 * i + 2})")} RETURNING id"
            : $"INSERT INTO {_table} (data) VALUES {Rows(messages, static i => $"(${i + 1})")} RETURNING id";
    }

    static string Rows(int count, Func<int, string> row) => string.Join(", ", Enumerable.Range(0, count).Select(row));

    /// <summary>Locks as <see cref="Put"/>, for all rows in one go.</summary>
    public string Copy => field ??= $"COPY {_table} (data) FROM STDIN (FORMAT BINARY)";

    public string CopyWithHeaders => field ??= $"COPY {_table} (data, headers) FROM STDIN (FORMAT BINARY)";

    /// <summary>
    /// Puts what is not ready yet: $1 payloads, $2 headers, $3 delays, $4 times, of which each message has one. The lowest of their ids. Who sleeps is
    /// told, by the bell as <see cref="Doorbell"/> has it, that there is another time to wait for. Locks: ROW EXCLUSIVE on the companion; the bell
    /// lock, shared, until the transaction ends. Index: none read.
    /// </summary>
    /// <remarks>The first query is never run: its table is looked for first, so the error for a queue that is missing is not about its companion.</remarks>
    public string PutLater => field ??=
        $"""
        WITH queue AS (SELECT FROM {_table}), put AS (
            INSERT INTO {name.Later} (id, data, enqueued_at, attempts, headers, due_at)
            SELECT {NextId}, m.data, now(), 0, m.headers, coalesce(m.due_at, clock_timestamp() + m.delay)
            FROM unnest($1::json[], $2::json[], $3::interval[], $4::timestamptz[]) WITH ORDINALITY AS m(data, headers, delay, due_at, number)
            ORDER BY m.number RETURNING id)
        SELECT min(id), ({RingLater})
        FROM put
        """;

    /// <summary>
    /// Puts back what was taken in the same transaction, as not ready: $1 id, $2 payload, $3 when it was put, $4 attempts, $5 headers, $6 the delay.
    /// Locks and index as <see cref="PutLater"/>.
    /// </summary>
    public string PutBackLater => field ??=
        $"""
        WITH put AS (
            INSERT INTO {name.Later} (id, data, enqueued_at, attempts, headers, due_at)
            SELECT CASE WHEN EXISTS (SELECT FROM {name.Later} WHERE id = $1) THEN {NextId} ELSE $1 END,
                   $2, coalesce($3, now()), $4, $5, clock_timestamp() + $6 RETURNING id)
        SELECT ({RingLater}) FROM put
        """;

    /// <summary>
    /// Leases: as <see cref="TakeManyCarefully"/>, at most $2 behind $1, the ids $3 first; and puts what it has taken into the companion, for the time $4 and under the
    /// number $5. What is there under the same id already (after a reset sequence) is left for later. Locks: the rows, until the transaction ends; ROW
    /// EXCLUSIVE on both tables. Index: the primary keys.
    /// </summary>
    /// <remarks>Not NOT EXISTS: the planner would join the companion before the row of <see cref="Many"/>, and sort all that is waiting for it.</remarks>
    public LimitedSql Lease => field ??= new("$2", limit =>
        $"""
        {Picked("$3", "$1", limit, $"AND (SELECT l.id FROM {name.Later} l WHERE l.id = q.id) IS NULL")},
        taken AS (DELETE FROM {_table} WHERE {IsPicked} RETURNING *)
        INSERT INTO {name.Later} (id, data, enqueued_at, attempts, headers, due_at, lease)
        SELECT id, data, enqueued_at, attempts, headers, clock_timestamp() + $4, $5 FROM taken RETURNING *
        """);

    /// <summary>
    /// Gives the leases of the ids $1 under the numbers $2 the times $3, from now on. The ids that were renewed. Locks: the rows that are nobody's, for a plain UPDATE would
    /// wait for, or deadlock with, a completion in a caller's transaction. Index: the primary key.
    /// </summary>
    public string RenewLeased => field ??=
        $"""
        WITH mine AS MATERIALIZED (
            SELECT l.id, m.duration FROM unnest($1::bigint[], $2::uuid[], $3::interval[]) m(id, lease, duration) JOIN {name.Later} l ON l.id = m.id
            WHERE l.lease = m.lease FOR UPDATE OF l SKIP LOCKED)
        UPDATE {name.Later} l SET due_at = clock_timestamp() + m.duration FROM mine m WHERE l.id = m.id RETURNING l.id
        """;

    /// <summary>Which of the ids $1 are leased under the numbers $2, locked or not. Locks: none. Index: the primary key.</summary>
    public string StillLeased => field ??=
        $"SELECT l.id FROM unnest($1::bigint[], $2::uuid[]) m(id, lease) JOIN {name.Later} l ON l.id = m.id WHERE l.lease = m.lease";

    /// <summary>
    /// Removes the messages $1 that are leased under the numbers $2. The ids that were. Locks: the rows; it waits for whoever moves one back, and then does not find it. Index: the
    /// primary key.
    /// </summary>
    public string CompleteLeased => field ??=
        $"DELETE FROM {name.Later} l USING unnest($1::bigint[], $2::uuid[]) m(id, lease) WHERE l.id = m.id AND l.lease = m.lease RETURNING l.id";

    /// <summary>
    /// Ends the lease of message $1 under the number $2 by a failure: it is due after $3, and has headers $4. 1, or no row where it is not there. Locks and index as
    /// <see cref="CompleteLeased"/>.
    /// </summary>
    public string RetryLeased => field ??=
        $"""
        WITH put AS (
            UPDATE {name.Later} SET due_at = clock_timestamp() + $3, attempts = attempts + 1, headers = $4, lease = NULL WHERE id = $1 AND lease = $2 RETURNING id)
        SELECT 1::bigint, ({RingLater}) FROM put
        """;

    /// <summary>Ends the leases of the messages $1 under the numbers $2 as if they had not been: they are due at once. How many there were. Locks and index as <see cref="CompleteLeased"/>.</summary>
    public string ReleaseLeased => field ??=
        $"""
        WITH put AS (
            UPDATE {name.Later} l SET due_at = clock_timestamp(), lease = NULL FROM unnest($1::bigint[], $2::uuid[]) m(id, lease)
            WHERE l.id = m.id AND l.lease = m.lease RETURNING l.id)
        SELECT count(*), ({RingLater}) FROM put
        """;

    /// <summary>Moves the message $1 of another queue, leased under the number $2, into this one, as a dead letter with headers $3. Locks and index as <see cref="CompleteLeased"/>.</summary>
    public string BuryLeased(QueueName from) =>
        $"""
        WITH taken AS (DELETE FROM {from.Later} WHERE id = $1 AND lease = $2 RETURNING *)
        INSERT INTO {_table} (data, headers, enqueued_at) SELECT data, {DeadHeaders("$3")}, enqueued_at FROM taken RETURNING id
        """;

    /// <summary>Puts back what was taken in the same transaction, at its old place: $1 to $5 as <see cref="PutBackLater"/>. Locks as <see cref="Put"/>.</summary>
    public string PutBack => field ??=
        $"INSERT INTO {_table} (id, data, enqueued_at, attempts, headers) VALUES ($1, $2, coalesce($3, now()), $4, $5)";

    /// <summary>
    /// Puts a dead letter into this queue: $1 payload, $2 headers up to the time of death, see <see cref="DeadLetters"/>, $3 when it was put. Locks as
    /// <see cref="Put"/>.
    /// </summary>
    public string PutDead => field ??= $"INSERT INTO {_table} (data, headers, enqueued_at) VALUES ($1, {DeadHeaders("$2")}, coalesce($3, now()))";

    /// <summary>Whether there is a table. Locks: none.</summary>
    public string Exists => field ??= $"SELECT to_regclass({Identifier.Literal(name.Table)}) IS NOT NULL";

    /// <summary>Whether there is a companion. Locks: none.</summary>
    public string HasLater => field ??= $"SELECT to_regclass({Identifier.Literal(name.Later)}) IS NOT NULL";

    /// <summary>
    /// How many seconds it is, by the server's clock, until the first message at or after $1 is due; null for none. What that clock says. Whether the queue is paused.
    /// Locks: no row. Index: due_at, and the primary key.
    /// </summary>
    public string NextDue => field ??=
        $"""
        SELECT extract(epoch FROM (SELECT due_at FROM {name.Later} WHERE due_at >= $1 AND isfinite(due_at) ORDER BY due_at LIMIT 1) - clock_timestamp())::float8,
               clock_timestamp(), EXISTS (SELECT FROM {name.Later} WHERE id = {Later.PauseId})
        """;

    /// <summary>
    /// Pauses the queue for all consumers, by a row in the companion that is never due, and tells those who listen. 1 where it was not paused. Locks: as an
    /// insert. Index: the primary key.
    /// </summary>
    public string Pause => field ??= Tell($"""INSERT INTO {name.Later} (id, data, enqueued_at, attempts, due_at) VALUES ({Later.PauseId}, '"paused"', now(), 0, 'infinity') ON CONFLICT DO NOTHING""");

    /// <summary>Ends what <see cref="Pause"/> has begun.</summary>
    public string Resume => field ??= Tell($"DELETE FROM {name.Later} WHERE id = {Later.PauseId}");

    /// <summary>
    /// Headers with the old id as the last of them, where it hides another one. Made of the text: to take JSON apart fails where it has an escape that no text can
    /// hold, and one such row would stop all others.
    /// </summary>
    const string HeadersWithOldId =
        """(regexp_replace(headers::text, '\s*\}\s*$', CASE WHEN headers::text ~ '^\s*\{\s*\}' THEN '' ELSE ',' END) || '"tpq-id":"' || id || '"}')::json""";

    /// <summary>
    /// The ids of what is due, separated by commas, at most $2 from $1 on, for the transaction whose turn it is; null where somebody else has it. Locks: the turn and the rows,
    /// until the transaction ends. Index: due_at.
    /// </summary>
    /// <remarks>
    /// The turn comes first, since only it keeps two clients from walking the same rows. That the snapshot is older than the turn does no harm: what was moved
    /// meanwhile cannot be locked. statement_timestamp() can be a bound of an index scan, clock_timestamp() cannot.
    /// </remarks>
    public string PickDue => field ??=
        $"""
        SELECT CASE WHEN pg_catalog.pg_try_advisory_xact_lock({Later.TurnLocks}, to_regclass({Identifier.Literal(name.Later)})::oid::int) THEN array_to_string(ARRAY(
            SELECT id FROM {name.Later} WHERE due_at >= $1 AND due_at <= statement_timestamp() ORDER BY due_at FOR UPDATE SKIP LOCKED LIMIT $2), ',') END
        """;

    /// <summary>
    /// Makes the messages $1 ready, each under its id and so at its place in line. How many there were, the lowest id, and the last time. Locks: the rows, ROW
    /// EXCLUSIVE on both tables. Index: the primary keys.
    /// </summary>
    /// <remarks>
    /// A lease that has run out is a failed delivery. An id that is taken (by a sequence that was reset) is looked for and not run into: an insert would wait for whoever has that row in hand. Such
    /// a message gets a new id and keeps the old one in a header.
    /// </remarks>
    public string MoveDue => field ??=
        $"""
        WITH due AS MATERIALIZED (DELETE FROM {name.Later} WHERE id = ANY ($1::bigint[]) RETURNING *),
        ready AS (SELECT d.*, EXISTS (SELECT FROM {_table} t WHERE t.id = d.id) AS is_taken FROM due d),
        moved AS (
            INSERT INTO {_table} (id, data, enqueued_at, attempts, headers)
            SELECT CASE WHEN is_taken THEN {NextId} ELSE id END, data, enqueued_at, attempts + CASE WHEN lease IS NULL OR attempts = {int.MaxValue} THEN 0 ELSE 1 END,
                   CASE WHEN NOT is_taken THEN headers
                        WHEN json_typeof(headers) = 'object' THEN {HeadersWithOldId}
                        ELSE json_build_object('tpq-id', id::text) END
            FROM ready ORDER BY id RETURNING id)
        SELECT count(*), (SELECT min(id) FROM moved), max(due_at) FROM due
        """;

    /// <summary>What the queue's table has refused is due again after $2. Locks: the row, if it is nobody's. Index: the primary key.</summary>
    public string PutOff => field ??=
        $"UPDATE {name.Later} SET due_at = statement_timestamp() + $2 WHERE id = (SELECT id FROM {name.Later} WHERE id = $1 AND due_at <= statement_timestamp() FOR UPDATE SKIP LOCKED)";

    /// <summary>Cancels what is not ready, unless it is leased or being moved. Locks: the row, if it is nobody's. Index: the primary key.</summary>
    public string DeleteLater => field ??=
        $"DELETE FROM {name.Later} WHERE id = (SELECT id FROM {name.Later} WHERE id = $1 AND id <> {Later.PauseId} AND lease IS NULL FOR UPDATE SKIP LOCKED)";

    /// <summary>After a take in a caller's transaction: the number of that transaction, which its delete has given it.</summary>
    public const string TransactionNumber = "SELECT pg_catalog.pg_current_xact_id_if_assigned()::text";

    /// <summary>Locks: the row, if it is nobody's. Index: the primary key.</summary>
    public string Delete => field ??=
        $"DELETE FROM {_table} WHERE id = (SELECT id FROM {_table} WHERE id = $1 FOR UPDATE SKIP LOCKED)";

    /// <summary>Locks: every row that is nobody's. Index: the primary key, for each row that was locked.</summary>
    public string Clear => field ??=
        $"DELETE FROM {_table} WHERE id = ANY (ARRAY(SELECT id FROM {_table} FOR UPDATE SKIP LOCKED))";

    /// <summary>Locks: no row. Index: the primary key.</summary>
    public string IsThere => field ??= $"SELECT EXISTS (SELECT FROM {_table} WHERE id = $1)";

    /// <summary>Locks: no row. Index: whichever the planner likes; it reads every row.</summary>
    public string Count => field ??= $"SELECT count(*) FROM {_table}";

    /// <summary>
    /// Locks: no row, for a row that a look locks makes another's take say "empty" untruthfully. Index: the primary key, from the front.
    /// </summary>
    /// <remarks>
    /// A row is in hand when the transaction whose number is in its xmax has not ended: a number at or beyond the end of the snapshot has not,
    /// by definition, and of one below it pg_xact_status knows. (The lock that a transaction holds on its own number, in pg_locks, does not
    /// tell: a take behind a savepoint has a subtransaction's number, whose lock goes when the savepoint is released.) A row holds the lower
    /// 32 bits of the number, so it is the one that lies nearest to the end of the snapshot. A row that somebody has locked for another
    /// purpose, such as a foreign key of the application's, is told from one in hand by nothing.
    /// </remarks>
    public string Peek => field ??=
        $"""
        SELECT q.*, {IsTaken} AS taken
        FROM ({WithTaker($"SELECT *, xmax::text::bigint AS xid FROM {_table} WHERE {HasJson} ORDER BY id LIMIT $1")}) q
        ORDER BY q.id
        """;

    /// <summary>As <see cref="Peek"/> has it, of a row <c>q</c> that <see cref="WithTaker"/> has made.</summary>
    public const string IsTaken =
        """
        CASE WHEN q.xid = 0 THEN false WHEN q.taker >= q.ending THEN true
                         ELSE coalesce(pg_catalog.pg_xact_status(q.taker::text::xid8) = 'in progress', false) END
        """;

    /// <summary>Adds the number of the transaction that has deleted, or else locked, a row, to rows that have the 32 bits of xmax as <c>xid</c>.</summary>
    public static string WithTaker(string rows) =>
        $"""
        SELECT t.*, ending, ending + (xid - ending % 4294967296 + 6442450944) % 4294967296 - 2147483648 AS taker
              FROM ({rows}) t,
                   (SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint AS ending) s
        """;

    /// <summary>A time as this side can read it: the server's may be infinite, before the year 1 or after 9999. Null stays null.</summary>
    public static string Readable(string time) =>
        $"CASE WHEN {time} < '0001-01-01 00:00+00' THEN '0001-01-01 00:00+00' WHEN {time} > '9999-12-31 00:00+00' THEN '9999-12-31 00:00+00' ELSE {time} END";

    /// <summary>Locks: no row. Index: the primary key for the oldest. A table without enqueued_at has no oldest.</summary>
    public string Info(bool enqueuedAt) =>
        $"SELECT count(*), {(enqueuedAt ? $"(SELECT {Readable("enqueued_at")} FROM {_table} ORDER BY id LIMIT 1)" : "NULL::timestamptz")} FROM {_table}";

    /// <summary>
    /// Takes at most $1 in order and puts in the same order, under new ids. Locks: the rows taken; ROW EXCLUSIVE on both tables. Index: the primary key.
    /// </summary>
    /// <param name="target">The queue to which the messages go.</param>
    /// <param name="columns">What both tables have beside the id, data included.</param>
    public string MoveTo(QueueName target, IEnumerable<string> columns) => MoveTo(target, columns, "ORDER BY id FOR UPDATE SKIP LOCKED LIMIT $1");

    /// <summary>As <see cref="MoveTo(QueueName, IEnumerable{string})"/>, the message $1 if it is nobody's.</summary>
    public string MoveOneTo(QueueName target, IEnumerable<string> columns) => MoveTo(target, columns, "WHERE id = $1 FOR UPDATE SKIP LOCKED");

    string MoveTo(QueueName target, IEnumerable<string> columns, string which)
    {
        string list = string.Join(", ", columns);
        return $"""
            WITH taken AS (
                DELETE FROM {_table} WHERE id = ANY (ARRAY(SELECT id FROM {_table} {which}))
                RETURNING id, {list})
            INSERT INTO {target.Table} ({list}) SELECT {list} FROM taken ORDER BY id
            """;
    }

    string NextId => $"nextval(pg_catalog.pg_get_serial_sequence({Identifier.Literal(name.Table)}, 'id'))";

    /// <summary>Tells who sleeps, by the bell as <see cref="Doorbell"/> has it, that there is another time to wait for.</summary>
    string RingLater => field ??=
        $"""
        SELECT CASE WHEN b.notify = 'always' OR b.notify = 'auto' AND NOT pg_catalog.pg_try_advisory_xact_lock_shared({Doorbell.BellLocks}, b.oid::int)
                    THEN pg_catalog.pg_notify(b.channel, '{Later.Ring}')::text END
        FROM ({CatalogSql.BellOf(Identifier.Literal(name.Table), Identifier.Literal(name.Queue))}) b
        """;

    /// <summary>Runs a statement, and tells all who listen, asleep or not, if it has changed something. 1 if it has, else no row.</summary>
    string Tell(string change) =>
        $"""
        WITH queue AS (SELECT FROM {_table}), changed AS ({change} RETURNING id)
        SELECT 1::bigint, CASE WHEN b.notify <> 'never' THEN pg_catalog.pg_notify(b.channel, '{Later.Ring}')::text END
        FROM changed, ({CatalogSql.BellOf(Identifier.Literal(name.Table), Identifier.Literal(name.Queue))}) b
        """;

    static string DeadHeaders(string begun) =>
        $$"""({{begun}} || to_json(to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) || '}')::json""";
}
