using System.Globalization;
using Npgsql;
using Tpq.Bench.Floor;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;

namespace Tpq.Bench.Scenarios;

/// <summary>What it costs that a failed handler can be undone and its message kept, that a death is noticed, and that no connection is held: each beside the same without it.</summary>
sealed class CostOfSafety(Conditions conditions) : Scenario(conditions)
{
    const string Name = "safety", Bare = "bare: delete and a row", Held = "tpq: held";
    const int Many = 100;

    static readonly int[] Clients = [1, 8];

    public override char Letter => 'k';

    public override string Title => "What retries, the mark of a death, and leases cost";

    public override string Text =>
        $"The bare statements are sent by pgbench to a queue of tpq's own: a message is deleted and one row written, alone; with a savepoint in between, as tpq sends it where a handler uses "
        + "the message's transaction; and by the statement that reads whether the message was in hand before, as it is used by takes that look back. tpq itself takes, writes one row and commits: held; leased one by "
        + $"one and completed in the transaction of the row; leased {Many} at a time and completed so; and {Many} leased and completed together, and held together, with {Many} rows. Messages a second.";

    public override IReadOnlyList<Table> Tables { get; } =
        [new("Messages a second", [.. Clients.Select(n => Column.Of(Words.Consumers(n)))], Bare, Held)];

    public override IReadOnlyList<Chart> Charts { get; } =
        [new("safety", "What retries, marks and leases cost", "messages a second", [.. Clients.Select(Words.Consumers)])];

    public override async Task RunAsync(ScenarioRun run, CancellationToken cancellationToken)
    {
        await using Database database = await run.Server.CreateDatabaseAsync(Name, cancellationToken);
        NpgsqlConnectionStringBuilder settings = database.ConnectionString(Name);
        (settings.MaxAutoPrepare, settings.NoResetOnClose) = (32, true);
        await using var client = new TpqClient(settings.ConnectionString);
        await database.ExecuteAsync("CREATE TABLE ledger (message bigint)", cancellationToken);
        var pgbench = new Pgbench(new PostgresProgram("pgbench", run.Server.BinDirectory, database));
        (string Name, Func<TpqQueue, int, Task<double>> RateAsync)[] variants =
        [
            (Bare, (queue, n) => pgbench.RateAsync(Script(Take(queue, careful: false)), Conditions.Window, cancellationToken, n)),
            ("bare: with a savepoint", (queue, n) => pgbench.RateAsync(Script(Take(queue, careful: false) + "SAVEPOINT tpq_handler;\n"), Conditions.Window, cancellationToken, n)),
            ("bare: that reads the mark", (queue, n) => pgbench.RateAsync(Script(Take(queue, careful: true)), Conditions.Window, cancellationToken, n)),
            (Held, (queue, n) => Load.RateAsync(n, Conditions.Window, () => HeldAsync(queue), cancellationToken)),
            ("tpq: leased one by one", (queue, n) => Load.RateAsync(n, Conditions.Window, () => LeasedAsync(queue, 1, together: false), cancellationToken)),
            ($"tpq: leased {Many} at a time", (queue, n) => Load.RateAsync(n, Conditions.Window, () => LeasedAsync(queue, Many, together: false), cancellationToken)),
            ($"tpq: {Many} leased and completed together", (queue, n) => Load.RateAsync(n, Conditions.Window, () => LeasedAsync(queue, Many, together: true), cancellationToken)),
            ($"tpq: {Many} held together", (queue, n) => Load.RateAsync(n, Conditions.Window, () => HeldTogetherAsync(queue), cancellationToken)),
        ];
        run.Expect(Conditions.Rounds * Clients.Length * variants.Length);
        int number = 0;
        for (int round = 0; round < Conditions.Rounds; round++)
            foreach (int clients in Clients)
                foreach (int i in Enumerable.Range(0, variants.Length))
                {
                    (string name, Func<TpqQueue, int, Task<double>> rateAsync) = variants[(i + round) % variants.Length];
                    run.Begin($"{name}, {Words.Consumers(clients)}, round {round + 1}");
                    // Under a new name, so that nothing that the client remembers of the former queue is about this one.
                    TpqQueue queue = client.Queue(string.Create(CultureInfo.InvariantCulture, $"{Name}{number++}"));
                    await FillAsync(database, queue, cancellationToken);
                    run.Record(new Value(Words.Consumers(clients), await rateAsync(queue, clients)), name, round);
                    await queue.DropAsync(cancellationToken);
                    run.End();
                }
    }

    async Task FillAsync(Database database, TpqQueue queue, CancellationToken cancellationToken)
    {
        await queue.CreateAsync(cancellationToken: cancellationToken);
        await database.ExecuteAsync("TRUNCATE ledger", cancellationToken);
        long enough = (long)(Conditions.Window.Total.TotalSeconds + 1) * 40_000;
        await database.FillAsync($"INSERT INTO {TableOf(queue)} (data) SELECT '{Payload.Plain}'::json FROM generate_series(1, {enough})", cancellationToken);
        await database.SettleAsync(cancellationToken);
    }

    static async Task<long> HeldAsync(TpqQueue queue)
    {
        await using TpqDelivery? delivery = await queue.GetAsync();
        if (delivery is null)
            return 0;
        await WriteAsync(delivery.Transaction, [delivery.Message.Id]);
        await delivery.CommitAsync();
        return 1;
    }

    static async Task<long> HeldTogetherAsync(TpqQueue queue)
    {
        await using TpqBatch? batch = await queue.GetManyAsync(Many);
        if (batch is null)
            return 0;
        await WriteAsync(batch.Transaction, batch.Select(m => m.Id));
        await batch.CommitAsync();
        return batch.Count;
    }

    static async Task<long> LeasedAsync(TpqQueue queue, int max, bool together)
    {
        await using TpqLeaseBatch? leases = await queue.LeaseAsync(max, TimeSpan.FromSeconds(30));
        if (leases is null)
            return 0;
        if (together)
            await InTransactionAsync(queue, leases.Select(l => l.Message.Id), transaction => leases.CompleteAsync(transaction));
        else
            foreach (TpqLease lease in leases)
                await InTransactionAsync(queue, [lease.Message.Id], transaction => lease.CompleteAsync(transaction));
        return leases.Count;
    }

    static async Task InTransactionAsync(TpqQueue queue, IEnumerable<long> messages, Func<NpgsqlTransaction, Task> completeAsync)
    {
        await using NpgsqlConnection connection = await queue.Client.DataSource.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await WriteAsync(transaction, messages);
        await completeAsync(transaction);
        await transaction.CommitAsync();
    }

    /// <summary>A statement for each row, as a handler does.</summary>
    static async Task WriteAsync(NpgsqlTransaction transaction, IEnumerable<long> messages)
    {
        foreach (long message in messages)
        {
            await using var command = new NpgsqlCommand("INSERT INTO ledger VALUES ($1)", transaction.Connection, transaction);
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = message });
            await command.ExecuteNonQueryAsync();
        }
    }

    static string Script(string take) => $"BEGIN;\n{take}INSERT INTO ledger VALUES (:last);\nCOMMIT;\n";

    static string Take(TpqQueue queue, bool careful)
    {
        string table = TableOf(queue), first = $"SELECT id FROM {table} WHERE id > :last ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1";
        return careful
            ? $"""
              WITH picked AS MATERIALIZED (SELECT id, xmax FROM {table} WHERE id > :last ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1)
              DELETE FROM {table} WHERE id = (SELECT id FROM picked) RETURNING id AS last, id = ANY (ARRAY(SELECT id FROM picked WHERE xmax <> 0)) AS suspect \gset

              """
            : $"""
              DELETE FROM {table} WHERE id = ({first}) RETURNING id AS last \gset

              """;
    }

    static string TableOf(TpqQueue queue) => $"tpq_{queue.Name}";
}
