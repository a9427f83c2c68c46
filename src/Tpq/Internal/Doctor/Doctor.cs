using Npgsql;

namespace Tpq.Internal;

/// <summary>Looks for what makes queues sick. Reads catalogs and statistics, and a bounded number of rows of each queue.</summary>
/// <remarks>
/// <para>A handful of statements for all queues, each on its own, each bounded by a timeout, which is the driver's: one of the server's would be among
/// the settings that are looked at. What a statement may not see, or is too slow to see, is a finding too, and no error.</para>
/// <para>The limits are the tests' to make smaller.</para>
/// </remarks>
sealed class Doctor(TpqClient client, DoctorLimits? limits = null)
{
    readonly Scope _scope = new(client.Schema, client.TablePrefix, client.Time, limits ?? new DoctorLimits());
    readonly List<Finding> _findings = [];
    IReadOnlyList<ExaminedQueue> _queues = [];

    /// <summary>Quoted; whose rights are meant.</summary>
    string _role = "";

    /// <summary>Whose locks are those of its own sessions, and not those of whoever consumes at the primary.</summary>
    bool _isStandby;

    /// <summary>Examines once.</summary>
    /// <param name="names">The queues; none for all. The server is examined in any case.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="TpqQueueNotFoundException">There is no queue of that name.</exception>
    public async Task<Diagnosis> ExamineAsync(IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        _findings.Clear();
        await ReadAsync("SELECT current_user::text AS role, pg_catalog.pg_is_in_recovery() AS standby", [], row =>
            (_role, _isStandby) = (Identifier.Quote(row.Text("role")), row.Is("standby")), cancellationToken).ConfigureAwait(false);
        await SchemaAsync(cancellationToken).ConfigureAwait(false);
        _queues = await QueuesAsync(names, cancellationToken).ConfigureAwait(false);
        // First, so that time passes until the second look.
        Dictionary<int, long> leftAlone = await LookAsync(cancellationToken).ConfigureAwait(false);
        foreach (Examination examination in (Examination[])[.. ServerState.All, .. ServerSettings.All, .. VacuumHorizon.All, QueuePrivileges.Functions])
            await RunAsync(examination.Subject, examination.Sql, [], row => examination.Find(row, _scope), cancellationToken).ConfigureAwait(false);
        await RunAsync(Strangers.Tables.Subject, Strangers.Tables.Sql, NameParameters(), row =>
            names.Count == 0 || names.Contains(row.Text("queue")) ? Strangers.Tables.Find(row, _scope) : null, cancellationToken).ConfigureAwait(false);
        await PoolerAsync(cancellationToken).ConfigureAwait(false);
        foreach (QueueExamination examination in (QueueExamination[])[.. TableHealth.All, .. QueueTables.All, .. QueueTrigger.All, .. QueuePrivileges.All])
            await RunAsync(examination.Subject, examination.Sql, QueueParameters(), row => examination.Find(row, QueueOf(row), _scope), cancellationToken).ConfigureAwait(false);
        _findings.AddRange(_queues.Select(q => QueueTables.Find(q, _scope)).OfType<Finding>());
        await LookAgainAsync(leftAlone, cancellationToken).ConfigureAwait(false);
        return new Diagnosis(_queues.Count, [.. _findings.OrderByDescending(static f => f.Severity).ThenBy(static f => f.Queue, StringComparer.Ordinal).ThenBy(static f => f.Check, StringComparer.Ordinal)]);
    }

    /// <summary>A name that is not quite right has no queues, which looks healthy.</summary>
    async Task SchemaAsync(CancellationToken cancellationToken)
    {
        if (_scope.Schema is { } schema)
            await ReadAsync("SELECT FROM (VALUES (1)) v WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)", [new NpgsqlParameter<string> { TypedValue = schema }], _ =>
                _findings.Add(new Finding(
                    Severity.Error, "schema", null, "There is no such schema, so there is no queue in it.", $"The schema is \"{schema}\".", $"CREATE SCHEMA {Identifier.Quote(schema)}")), cancellationToken)
                .ConfigureAwait(false);
    }

    async Task<IReadOnlyList<ExaminedQueue>> QueuesAsync(IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        var queues = new List<ExaminedQueue>();
        var strangers = new HashSet<string>(StringComparer.Ordinal);
        await ReadAsync(CatalogSql.Examined, NameParameters(), row => queues.Add(new ExaminedQueue(
            QueueName.Create(row.Text("queue"), _scope.Prefix, _scope.Schema).In(row.Text("schema")), row.Number("oid"), row.Number("later"), row.Text("schema"),
            Set(row.Text("columns")), row.Text("storage"), Set(row.Text("later_columns")), row.Is("is_readable"), row.Text("sequence"))), cancellationToken).ConfigureAwait(false);
        if (names.Count == 0)
            return queues;
        await ReadAsync(Strangers.Tables.Sql, NameParameters(), row => strangers.Add(row.Text("queue")), cancellationToken).ConfigureAwait(false);
        if (names.FirstOrDefault(n => !strangers.Contains(n) && queues.All(q => q.Queue != n)) is { } missing)
            throw new TpqQueueNotFoundException(missing, client.Database);
        return [.. queues.Where(q => names.Contains(q.Queue))];
    }

    /// <summary>Behind a pooler in transaction mode nothing rings.</summary>
    async Task PoolerAsync(CancellationToken cancellationToken)
    {
        if (client.MaxPoolSize == 1)
            return;
        NpgsqlConnection connection = await client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        try
        {
            if (!await Hearing.IsSoundAsync(client, connection, cancellationToken).ConfigureAwait(false))
                _findings.Add(new Finding(
                    Severity.Warning, "pooler", null, "There is a pooler in transaction mode in between: no notification comes through, so consumers look once a second, and statements are not prepared.",
                    "A notification to a listening connection did not arrive.", "Connect past the pooler (host and port of the server itself), or in pgbouncer.ini: pool_mode = session"));
        }
        catch (NpgsqlException e) when (IsOwnFault(e))
        {
            // Nobody listens at a standby, for example.
            NotSeen("whether notifications come through", e);
        }
    }

    /// <summary>Looks into the queues. Which of them are perhaps left alone: the first message of each, by the queue's number.</summary>
    async Task<Dictionary<int, long>> LookAsync(CancellationToken cancellationToken)
    {
        var leftAlone = new Dictionary<int, long>();
        QueueName[] hidden = [.. _queues.Where(static q => !q.IsReadable).Select(static q => q.Name)];
        if (hidden.Length > 0)
            _findings.Add(new Finding(
                Severity.Info, "visibility", null, "Could not look into queues that the role may not read.",
                $"Role {_role} may not read {Evidence.Count(hidden.Length, "queue")}, the first of them {hidden[0].Table}.",
                $"As a role that may read it, its owner for example: {_scope.Command("doctor", hidden[0].Queue)}"));
        foreach ((int Number, ExaminedQueue Queue)[] some in _queues.Index().Where(static q => q.Item.IsReadable).Chunk(QueueContents.MostQueues))
            await LookAsync(some, row =>
            {
                ExaminedQueue queue = QueueOf(row);
                _findings.AddRange(QueueContents.All.Select(find => find(row, queue, _scope)).OfType<Finding>());
                if (QueueContents.IsLeftAlone(row, queue, _scope))
                    leftAlone.Add((int)row.Number("number"), row.Number("first"));
            }, cancellationToken).ConfigureAwait(false);
        if (_isStandby && leftAlone.Count > 0)
        {
            leftAlone.Clear();
            _findings.Add(new Finding(
                Severity.Info, "visibility", null, "Could not look at who consumes the queues.", "The server is a standby, which does not know the locks of those who consume at the primary.",
                $"At the primary: {_scope.Command("doctor")}"));
        }
        await ForgetAttendedAsync(leftAlone, cancellationToken).ConfigureAwait(false);
        return leftAlone;
    }

    /// <summary>One moment shows nothing of a consumer whose transactions are short. Its queue has another first message by now.</summary>
    async Task LookAgainAsync(Dictionary<int, long> leftAlone, CancellationToken cancellationToken)
    {
        await ForgetAttendedAsync(leftAlone, cancellationToken).ConfigureAwait(false);
        foreach ((int Number, ExaminedQueue Queue)[] some in leftAlone.Keys.Select(n => (n, _queues[n])).Chunk(QueueContents.MostQueues))
            await LookAsync(some, row =>
            {
                if (row.Number("first") == leftAlone[(int)row.Number("number")] && QueueContents.IsLeftAlone(row, QueueOf(row), _scope))
                    _findings.Add(QueueContents.Unconsumed(QueueOf(row), row.Time("age")!.Value, _scope));
            }, cancellationToken).ConfigureAwait(false);
    }

    async Task ForgetAttendedAsync(Dictionary<int, long> leftAlone, CancellationToken cancellationToken)
    {
        if (leftAlone.Count > 0)
            await RunAsync("locks", QueueContents.Attended, QueueParameters(), row =>
            {
                leftAlone.Remove((int)row.Number("number"));
                return null;
            }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Where a table has gone meanwhile, its statement fails for all: then by halves.</summary>
    async Task LookAsync((int Number, ExaminedQueue Queue)[] queues, Action<Row> onRow, CancellationToken cancellationToken)
    {
        try
        {
            await ReadAsync(QueueContents.Look(queues), [], onRow, cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException e) when (Fault.IsMissingTable(e))
        {
            if (queues.Length == 1)
                return;
            await LookAsync(queues[..(queues.Length / 2)], onRow, cancellationToken).ConfigureAwait(false);
            await LookAsync(queues[(queues.Length / 2)..], onRow, cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException e) when (IsOwnFault(e))
        {
            NotSeen(queues.Length == 1 ? $"queue \"{queues[0].Queue.Queue}\"" : $"{queues.Length} queues from \"{queues[0].Queue.Queue}\" on", e);
        }
    }

    async Task RunAsync(string subject, string sql, NpgsqlParameter[] parameters, Func<Row, Finding?> find, CancellationToken cancellationToken)
    {
        try
        {
            await ReadAsync(sql, parameters, row =>
            {
                if (find(row) is { } finding)
                    _findings.Add(finding);
            }, cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException e) when (IsOwnFault(e))
        {
            NotSeen(subject, e);
        }
    }

    async Task ReadAsync(string sql, NpgsqlParameter[] parameters, Action<Row> onRow, CancellationToken cancellationToken)
    {
        // The pool's; another one after a timeout has broken it.
        NpgsqlConnection connection = await client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        var command = new NpgsqlCommand(sql, connection) { CommandTimeout = _scope.Limits.StatementSeconds };
        await using var __ = command.ConfigureAwait(false);
        command.Parameters.AddRange(parameters);
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var ___ = reader.ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            onRow(new Row(reader));
    }

    void NotSeen(string subject, NpgsqlException error) => _findings.Add(new Finding(
        Severity.Info, "visibility", null, $"Could not look at {subject}.",
        error is PostgresException e ? $"The server says: {e.MessageText} ({e.SqlState})." : $"It took more than {_scope.Limits.StatementSeconds} s.",
        error is PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } ? $"GRANT pg_monitor TO {_role}" : _scope.Command("doctor")));

    /// <summary>The statement's, and not that the server is gone.</summary>
    static bool IsOwnFault(NpgsqlException e) => e is PostgresException ? !Fault.IsConnectionLoss(e) : e.InnerException is TimeoutException && !Fault.IsPoolExhausted(e);

    ExaminedQueue QueueOf(Row row) => _queues[(int)row.Number("number")];

    NpgsqlParameter[] QueueParameters() =>
    [
        ArrayText.Of(_queues.Select(static (_, n) => (long)n)), ArrayText.Of(_queues.Select(static q => q.Oid)), ArrayText.Of(_queues.Select(static q => q.LaterOid)),
    ];

    NpgsqlParameter[] NameParameters() => [Text(_scope.Prefix), Text(_scope.Schema), Text(QueueName.LaterSuffix)];

    static NpgsqlParameter Text(string? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text };

    static HashSet<string> Set(string names) => names.Split(',', StringSplitOptions.RemoveEmptyEntries).ToHashSet(StringComparer.Ordinal);
}
