using Npgsql;
using NpgsqlTypes;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

/// <summary>
/// The queue that every article shows: a plain delete with SKIP LOCKED from the front, and a trigger that notifies for each row. It has the
/// same driver and the same care in C# as tpq: a pool, prepared statements, BEGIN sent with the first statement.
/// </summary>
sealed class TextbookSystem : InProcessSystem
{
    public const string SystemName = "textbook";

    const string Channel = "textbook";
    const string Put = "INSERT INTO textbook (data) VALUES ($1)";

    const string Take =
        "DELETE FROM textbook WHERE id = (SELECT id FROM textbook ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING id, data";

    const string TakeMany =
        "DELETE FROM textbook WHERE id = ANY (ARRAY(SELECT id FROM textbook ORDER BY id FOR UPDATE SKIP LOCKED LIMIT $1)) RETURNING id, data";

    readonly NpgsqlDataSource _dataSource;

    public TextbookSystem(Database database) : base(database)
    {
        NpgsqlConnectionStringBuilder settings = database.ConnectionString(SystemName);
        settings.MaxAutoPrepare = 32;
        settings.NoResetOnClose = true;
        // Each waiting consumer holds one.
        settings.MaxPoolSize = 150;
        _dataSource = NpgsqlDataSource.Create(settings);
    }

    public override string Name => SystemName;

    public override string? Version => null;

    public override IReadOnlyList<string> Settings =>
    [
        $"put: `{Put}`; a row trigger notifies; bulk put: binary `COPY` through Npgsql",
        $"get: `{Take}`, handler, `COMMIT`; each consumer has a connection, on which it also listens",
        $"batches: `{TakeMany}`, {BatchSize} at most, with a row inserted for each message by itself; `COMMIT`",
        "Npgsql: `Minimum Pool Size=4;Maximum Pool Size=150;Max Auto Prepare=32;No Reset On Close=true`",
    ];

    public override string DeletesFrom => "textbook";

    public override Task InstallAsync(CancellationToken cancellationToken) => RenewAsync(cancellationToken);

    public override async Task RenewAsync(CancellationToken cancellationToken)
    {
        await Database.ExecuteAsync(
            $"""
            DROP TABLE IF EXISTS textbook;
            CREATE TABLE textbook (id bigserial PRIMARY KEY, data json NOT NULL);
            CREATE OR REPLACE FUNCTION textbook_notify() RETURNS trigger LANGUAGE plpgsql AS
              'BEGIN PERFORM pg_notify(''{Channel}'', ''''); RETURN NULL; END';
            CREATE TRIGGER notify AFTER INSERT ON textbook FOR EACH ROW EXECUTE FUNCTION textbook_notify()
            """,
            cancellationToken);
        await Ledger.RenewAsync(cancellationToken);
    }

    public override Task FillAsync(long count, CancellationToken cancellationToken) => Database.FillAsync(
        $"INSERT INTO textbook (data) SELECT '{Payload.Plain}'::json FROM generate_series(1, {count})", cancellationToken);

    public override Task<double> PutManyAsync(int count, CancellationToken cancellationToken) => Bulk.RateAsync(count, async () =>
    {
        await using NpgsqlConnection connection = await _dataSource.OpenConnectionAsync(cancellationToken);
        await using NpgsqlBinaryImporter copy =
            await connection.BeginBinaryImportAsync("COPY textbook (data) FROM STDIN (FORMAT BINARY)", cancellationToken);
        for (int n = 0; n < count; n++)
        {
            await copy.StartRowAsync(cancellationToken);
            await copy.WriteAsync(Payload.Plain, NpgsqlDbType.Json, cancellationToken);
        }
        await copy.CompleteAsync(cancellationToken);
    });

    public override async Task<double> GetManyAsync(int batch, Window window, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await _dataSource.OpenConnectionAsync(cancellationToken);
        return await Load.RateAsync(1, window, () => TakeAsync(connection, batch), cancellationToken);
    }

    public override Task WorkAsync(int consumers, Handler handler, CancellationToken stop) =>
        Task.WhenAll(Enumerable.Range(0, consumers).Select(_ => ConsumeAsync(handler, stop)));

    public override bool WorksInBatches => true;

    public override Task WorkInBatchesAsync(int consumers, Handler handler, CancellationToken stop) =>
        Task.WhenAll(Enumerable.Range(0, consumers).Select(_ => ConsumeBatchesAsync(handler, stop)));

    public override Task WaitIdlyAsync(int queues, CancellationToken stop) => WorkAsync(queues, new Handler(Work.Nothing), stop);

    public override async ValueTask DisposeAsync()
    {
        await _dataSource.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override async Task PutOneAsync(string payload)
    {
        await using NpgsqlCommand put = _dataSource.CreateCommand(Put);
        put.Parameters.Add(new NpgsqlParameter<string> { TypedValue = payload, NpgsqlDbType = NpgsqlDbType.Json });
        await put.ExecuteNonQueryAsync();
    }

    Task ConsumeAsync(Handler handler, CancellationToken stop) => ConsumeAsync(connection => TakeAsync(connection, handler), stop);

    Task ConsumeBatchesAsync(Handler handler, CancellationToken stop) =>
        ConsumeAsync(async connection => await TakeAsync(connection, BatchSize, handler) > 0, stop);

    async Task ConsumeAsync(Func<NpgsqlConnection, Task<bool>> takeAsync, CancellationToken stop)
    {
        await using NpgsqlConnection connection = await _dataSource.OpenConnectionAsync(stop);
        await using (var listen = new NpgsqlCommand($"LISTEN {Channel}", connection))
            await listen.ExecuteNonQueryAsync(stop);
        while (!stop.IsCancellationRequested)
            if (!await takeAsync(connection))
                await connection.WaitAsync(stop);
    }

    static async Task<bool> TakeAsync(NpgsqlConnection connection, Handler handler)
    {
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await using var take = new NpgsqlCommand(Take, connection, transaction);
        long id;
        string payload;
        await using (NpgsqlDataReader reader = await take.ExecuteReaderAsync())
        {
            if (!await reader.ReadAsync())
                return false;
            (id, payload) = (reader.GetInt64(0), reader.GetString(1));
        }
        await handler.HandleAsync(id, () => payload, connection, transaction);
        await transaction.CommitAsync();
        return true;
    }

    /// <summary>A batch is read whole before it is handled, as by the others: while a reader is open, its connection runs no other statement.</summary>
    static async Task<long> TakeAsync(NpgsqlConnection connection, int max, Handler? handler = null)
    {
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await using var take = new NpgsqlCommand(max == 1 ? Take : TakeMany, connection, transaction);
        if (max > 1)
            take.Parameters.Add(new NpgsqlParameter<int> { TypedValue = max });
        var batch = new List<(long Id, string Payload)>(max);
        await using (NpgsqlDataReader reader = await take.ExecuteReaderAsync())
            while (await reader.ReadAsync())
                batch.Add((reader.GetInt64(0), reader.GetString(1)));
        if (handler is not null)
            foreach ((long id, string payload) in batch)
                await handler.HandleAsync(id, () => payload, connection, transaction);
        await transaction.CommitAsync();
        return batch.Count;
    }
}
