using Tpq.Bench.Measuring;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Floor;

/// <summary>What the server can do at best: the bare statements, sent by PostgreSQL's own programs; for latency, by Npgsql alone.</summary>
sealed class FloorSystem : QueueSystem
{
    public const string SystemName = "floor";

    const string Take = "DELETE FROM floor WHERE id = (SELECT id FROM floor WHERE id > :last ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING id AS last";

    const string TakeScript =
        $"""
        BEGIN;
        {Take} \gset
        COMMIT;

        """;

    const string WorkScript =
        $"""
        BEGIN;
        {Take} \gset
        INSERT INTO ledger (message) VALUES (:last);
        COMMIT;

        """;

    static readonly string Put = $"INSERT INTO floor (data) VALUES ('{Payload.Plain}')";

    readonly PostgresProgram _pgbenchProgram;
    readonly Pgbench _pgbench;
    readonly Psql _psql;
    string? _version;

    public FloorSystem(Database database, string binDirectory) : base(database)
    {
        _pgbenchProgram = new PostgresProgram("pgbench", binDirectory, database);
        _pgbench = new Pgbench(_pgbenchProgram);
        _psql = new Psql(new PostgresProgram("psql", binDirectory, database));
    }

    public override string Name => SystemName;

    public override string? Version => _version;

    public override IReadOnlyList<string> Settings =>
    [
        "pgbench with `--protocol=prepared`; a table of `id bigserial PRIMARY KEY, data json`, no trigger",
        "put: `INSERT INTO floor (data) VALUES (…)`; bulk put: psql's `\\copy`",
        $"get: `BEGIN`; `{Take}`, where `:last` is what this client took before; `INSERT` of one row; `COMMIT`",
        "latency: three connections of Npgsql, one that inserts and notifies in one statement, one that listens, one that deletes",
    ];

    public override async Task InstallAsync(CancellationToken cancellationToken)
    {
        _version = await _pgbenchProgram.VersionAsync(cancellationToken);
        await RenewAsync(cancellationToken);
    }

    public override async Task RenewAsync(CancellationToken cancellationToken)
    {
        await Database.ExecuteAsync(
            "DROP TABLE IF EXISTS floor; CREATE TABLE floor (id bigserial PRIMARY KEY, data json NOT NULL)", cancellationToken);
        await Ledger.RenewAsync(cancellationToken);
    }

    public override string DeletesFrom => "floor";

    public override Task FillAsync(long count, CancellationToken cancellationToken) => Database.FillAsync(
        $"INSERT INTO floor (data) SELECT '{Payload.Plain}'::json FROM generate_series(1, {count})", cancellationToken);

    public override async Task<double> PutAsync(int producers, Window window, CancellationToken cancellationToken)
    {
        await RenewAsync(cancellationToken);
        await using var producing = new Consumption(stop => _pgbench.RunUntilAsync($"{Put};\n", producers, stop), cancellationToken);
        return await producing.RateAsync(() => CountPutAsync(cancellationToken), window, cancellationToken);
    }

    public override Task PutCountAsync(int count, CancellationToken cancellationToken) =>
        _pgbench.RunCountAsync($"{Put};\n", count, cancellationToken);

    public override Task<double> PutManyAsync(int count, CancellationToken cancellationToken) =>
        _psql.CopyRateAsync("floor", count, cancellationToken);

    public override Task<double> GetManyAsync(int batch, Window window, CancellationToken cancellationToken) => batch == 1
        ? _pgbench.RateAsync(TakeScript, window, cancellationToken)
        : throw new NotPossibleException("a batch is one statement, whose result pgbench cannot read");

    public override Task GetCountAsync(int count, CancellationToken cancellationToken) =>
        _pgbench.RunCountAsync(TakeScript, count, cancellationToken);

    public override async Task WorkAsync(int consumers, Handler handler, CancellationToken stop)
    {
        try
        {
            await _pgbench.RunUntilAsync(WorkScript, consumers, stop);
        }
        catch (InvalidOperationException e) when (e.Message.Contains("expected one row, got 0", StringComparison.Ordinal))
        {
            // The backlog is used up, at which pgbench's clients give up.
        }
    }

    public override Task<IReadOnlyList<Arrival>> FollowAsync(Schedule schedule, int consumers, CancellationToken cancellationToken) =>
        consumers == 1 && schedule.Producers == 1
            ? new BareListener(Database).FollowAsync(schedule, cancellationToken)
            : throw new NotPossibleException("the bare statements are not a queue: they serve one producer and one consumer");

    public override Task<IdleCost> MeasureIdleAsync(int queues, Window window, CancellationToken cancellationToken) => throw CannotDo("wait for messages");

    public override Task<double> PutToConsumersAsync(int producers, int consumers, Window window, CancellationToken cancellationToken) =>
        consumers == 0 ? PutAsync(producers, window, cancellationToken) : throw new NotPossibleException("nothing wakes the bare statements");

    /// <summary>pgbench tells nothing until it ends.</summary>
    Task<long> CountPutAsync(CancellationToken cancellationToken) =>
        Database.ScalarAsync<long>("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM floor_id_seq", cancellationToken);
}
