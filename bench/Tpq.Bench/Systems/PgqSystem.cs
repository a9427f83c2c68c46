using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

/// <summary>
/// PgQ, the extension: an event log that is cut into batches by a ticker and read by consumers at their own place. One consumer of a queue is
/// one reader, so more consumers are not faster.
/// </summary>
sealed class PgqSystem : InProcessSystem
{
    public const string SystemName = "PgQ";

    const string Queue = "bench";
    const string Consumer = "reader";
    const string Put = $"SELECT pgq.insert_event('{Queue}', 'message', $1)";
    const int EventsInLargeBatch = 10_000;
    const int LargeBacklog = 200_000;

    static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(50);
    static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// A new queue has one tick, and with the statistics of that, PgQ's plans compare each tick with each other: after 180 ticks, nine seconds, a batch takes longer than the
    /// time between two, and the reader never catches up. A queue that is in use longer has better ones, from autovacuum.
    /// </summary>
    static readonly TimeSpan AnalyzeInterval = TimeSpan.FromSeconds(1);

    readonly NpgsqlDataSource _dataSource;
    string? _version;

    public PgqSystem(Database database) : base(database)
    {
        NpgsqlConnectionStringBuilder settings = database.ConnectionString(SystemName);
        settings.MaxAutoPrepare = 32;
        settings.NoResetOnClose = true;
        _dataSource = NpgsqlDataSource.Create(settings);
    }

    public override string Name => SystemName;

    public override string? Version => _version;

    /// <summary>It takes whole batches only.</summary>
    public override int MostPerSecond => MostRowsInBatches;

    /// <summary>
    /// To ask for a batch and to finish it takes long beside reading a small one, and to fill with small ones longer than to measure. Large ones were read at 640,000 a second;
    /// a backlog that runs out fails, and so would leave out the fastest rounds.
    /// </summary>
    public override int MostInBatches(int batch) => batch < EventsInLargeBatch ? 150_000 : 800_000;

    public override bool TakesSingly => false;

    public override IReadOnlyList<string> Settings =>
    [
        string.Create(CultureInfo.InvariantCulture, $"in place of pgqd, `pgq.ticker()` every {TickInterval.TotalMilliseconds} ms; `ticker_max_lag` as long, `ticker_max_count` {BatchSize}; `ANALYZE pgq.tick` every {AnalyzeInterval.TotalSeconds} s, for autovacuum comes to a new queue too late"),
        "put: `pgq.insert_event`; bulk put: the same for an array, in one statement",
        "get: `next_batch`, `get_batch_events`, handler for each event, `finish_batch`, in one transaction; one reader, however many consumers",
        "Npgsql: `Minimum Pool Size=4;Maximum Pool Size=100;Max Auto Prepare=32;No Reset On Close=true`",
    ];

    public override async Task InstallAsync(CancellationToken cancellationToken)
    {
        if (!await Database.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pgq')", cancellationToken))
            throw new NotPossibleException("the server has no extension pgq (on Debian it is the package postgresql-15-pgq3)");
        await Database.ExecuteAsync("CREATE EXTENSION pgq", cancellationToken);
        _version = await Database.ScalarAsync<string>("SELECT extversion FROM pg_extension WHERE extname = 'pgq'", cancellationToken);
        await MakeAsync(cancellationToken);
    }

    public override async Task RenewAsync(CancellationToken cancellationToken)
    {
        await Database.ExecuteAsync($"SELECT pgq.drop_queue('{Queue}', true)", cancellationToken);
        await MakeAsync(cancellationToken);
    }

    public override Task FillAsync(long count, CancellationToken cancellationToken) =>
        FillForBatchesAsync(count, count > LargeBacklog ? EventsInLargeBatch : BatchSize, cancellationToken);

    public override async Task FillForBatchesAsync(long count, int batch, CancellationToken cancellationToken)
    {
        for (long left = count; left > 0; left -= batch)
        {
            await Database.ExecuteAsync(
                $"SELECT count(pgq.insert_event('{Queue}', 'message', '{Payload.Plain}')) FROM generate_series(1, {Math.Min(left, batch)})", cancellationToken);
            await Database.ExecuteAsync($"SELECT pgq.force_tick('{Queue}')", cancellationToken);
            await Database.ExecuteAsync($"SELECT pgq.ticker('{Queue}')", cancellationToken);
        }
    }

    public override Task<double> PutManyAsync(int count, CancellationToken cancellationToken) => Bulk.RateAsync(count, async () =>
    {
        await using NpgsqlCommand put = _dataSource.CreateCommand($"SELECT count(pgq.insert_event('{Queue}', 'message', data)) FROM unnest($1) data");
        put.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. Enumerable.Repeat(Payload.Plain, count)] });
        await put.ExecuteNonQueryAsync(cancellationToken);
    });

    public override async Task<double> GetManyAsync(int batch, Window window, CancellationToken cancellationToken)
    {
        if (batch == 1)
            throw new NotPossibleException($"{SystemName} gives whole batches only");
        await using NpgsqlConnection connection = await _dataSource.OpenConnectionAsync(cancellationToken);
        var handler = new Handler(Work.Nothing);
        return await Load.RateAsync(1, window, () => TakeBatchAsync(connection, handler, CancellationToken.None), cancellationToken);
    }

    public override async Task WorkAsync(int consumers, Handler handler, CancellationToken stop)
    {
        Task[] parts = [TickAsync(stop), ConsumeAsync(handler, stop)];
        // Without its ticker the reader would wait for ever: an error of one is to be seen at once.
        await await Task.WhenAny(parts);
        await Task.WhenAll(parts);
    }

    public override Task<IdleCost> MeasureIdleAsync(int queues, Window window, CancellationToken cancellationToken) =>
        throw new NotPossibleException("its consumers poll, at a pace of one's own choice");

    public override bool WorksInBatches => true;

    public override Task WorkInBatchesAsync(int consumers, Handler handler, CancellationToken stop) => WorkAsync(consumers, handler, stop);

    public override IEnumerable<string> NotesOn(char letter) => letter switch
    {
        'b' or 'd' or 'g' or 'i' => ["one reader, whatever the number of consumers; all messages of a batch, and their rows, are one transaction"],
        'c' => ["a batch is what was put between two ticks, so the messages to be got were put with a tick after each 100, or 10,000"],
        'h' => ["the commits of the ticker are among the commits; messages are taken in batches"],
        _ => [],
    };

    public override async ValueTask DisposeAsync()
    {
        await _dataSource.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override async Task PutOneAsync(string payload)
    {
        await using NpgsqlCommand put = _dataSource.CreateCommand(Put);
        put.Parameters.Add(new NpgsqlParameter<string> { TypedValue = payload });
        await put.ExecuteNonQueryAsync();
    }

    async Task MakeAsync(CancellationToken cancellationToken)
    {
        string lag = string.Create(CultureInfo.InvariantCulture, $"{TickInterval.TotalMilliseconds} milliseconds");
        await Database.ExecuteAsync(
            $"""
            SELECT pgq.create_queue('{Queue}');
            SELECT pgq.set_queue_config('{Queue}', 'ticker_max_lag', '{lag}');
            SELECT pgq.set_queue_config('{Queue}', 'ticker_max_count', '{BatchSize}')
            """,
            cancellationToken);
        await Database.ExecuteAsync($"SELECT pgq.register_consumer('{Queue}', '{Consumer}')", cancellationToken);
        await Ledger.RenewAsync(cancellationToken);
    }

    async Task TickAsync(CancellationToken stop)
    {
        long analyzed = Stopwatch.GetTimestamp();
        while (!stop.IsCancellationRequested)
        {
            await using (NpgsqlCommand tick = _dataSource.CreateCommand("SELECT pgq.ticker()"))
                await tick.ExecuteNonQueryAsync(CancellationToken.None);
            if (Stopwatch.GetElapsedTime(analyzed) > AnalyzeInterval)
            {
                await Database.ExecuteAsync("ANALYZE pgq.tick", CancellationToken.None);
                analyzed = Stopwatch.GetTimestamp();
            }
            await Task.Delay(TickInterval, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    async Task ConsumeAsync(Handler handler, CancellationToken stop)
    {
        await using NpgsqlConnection connection = await _dataSource.OpenConnectionAsync(stop);
        while (!stop.IsCancellationRequested)
            if (await TakeBatchAsync(connection, handler, stop) == 0)
                await Task.Delay(PollInterval, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Returns how many events there were; a batch may be empty. Stopped in the midst of a batch, it gives it back.</summary>
    static async Task<long> TakeBatchAsync(NpgsqlConnection connection, Handler handler, CancellationToken stop)
    {
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(CancellationToken.None);
        if (await ScalarAsync(connection, transaction, $"SELECT pgq.next_batch('{Queue}', '{Consumer}')") is not long batch)
            return 0;
        var events = new List<(long Id, string Payload)>();
        await using (var get = new NpgsqlCommand("SELECT ev_id, ev_data FROM pgq.get_batch_events($1)", connection, transaction))
        {
            get.Parameters.Add(new NpgsqlParameter<long> { TypedValue = batch });
            await using NpgsqlDataReader reader = await get.ExecuteReaderAsync(CancellationToken.None);
            while (await reader.ReadAsync(CancellationToken.None))
                events.Add((reader.GetInt64(0), reader.GetString(1)));
        }
        foreach ((long id, string payload) in events)
        {
            if (stop.IsCancellationRequested)
                return 0;
            await handler.HandleAsync(id, () => payload, connection, transaction);
        }
        await ScalarAsync(connection, transaction, string.Create(CultureInfo.InvariantCulture, $"SELECT pgq.finish_batch({batch})"));
        await transaction.CommitAsync(CancellationToken.None);
        return events.Count;
    }

    static async Task<object?> ScalarAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection, transaction);
        return await command.ExecuteScalarAsync(CancellationToken.None);
    }
}
