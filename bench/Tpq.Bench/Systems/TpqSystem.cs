using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using Npgsql;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

/// <summary>The queue of this repository, as its README has it.</summary>
sealed class TpqSystem : InProcessSystem
{
    public const string SystemName = "tpq";

    static readonly string TablePrefix = new TpqClientOptions().TablePrefix;

    readonly TpqClient _client;
    TpqQueue _queue;
    int _number;

    public TpqSystem(Database database) : base(database)
    {
        _client = new TpqClient(ConnectionString(database));
        _queue = _client.Queue("q0");
    }

    public override string Name => SystemName;

    public override string? Version =>
        typeof(TpqClient).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0];

    public override IReadOnlyList<string> Settings =>
    [
        "queue created with `notify: auto`, the default",
        "put: `PutAsync(string)`, all producers with one client, unless it says that no commit is shared; bulk put: `PutManyAsync(IEnumerable<string>)`",
        $"get: `ConsumeAsync`, one call for each consumer, whose handler inserts through the delivery's connection and transaction; batches: `ConsumeBatchesAsync({BatchSize})`, likewise, with a row inserted for each message by itself; in bulk: `GetManyAsync` and `CommitAsync`; single, without a handler: `ReadAllAsync` and `CommitAsync`",
        "Npgsql: `Minimum Pool Size=4;Maximum Pool Size=150;Max Auto Prepare=32;No Reset On Close=true`",
    ];

    public override string DeletesFrom => $"\"{TablePrefix}{_queue.Name}\"";

    public override string Place => _queue.Name;

    public override void Attach(string place) => _queue = _client.Queue(place);

    public override async Task InstallAsync(CancellationToken cancellationToken)
    {
        await _queue.CreateAsync(cancellationToken: cancellationToken);
        await Ledger.RenewAsync(cancellationToken);
    }

    /// <summary>Under a new name, so that nothing that the client remembers of the former queue is about this one.</summary>
    public override async Task RenewAsync(CancellationToken cancellationToken)
    {
        await _queue.DropAsync(cancellationToken);
        _queue = _client.Queue($"q{++_number}");
        await _queue.CreateAsync(cancellationToken: cancellationToken);
        await Ledger.RenewAsync(cancellationToken);
    }

    public override Task FillAsync(long count, CancellationToken cancellationToken) => Database.FillAsync(
        $"INSERT INTO {DeletesFrom} (data) SELECT '{Payload.Plain}'::json FROM generate_series(1, {count})", cancellationToken);

    public override async Task<double> PutUnsharedAsync(int producers, Window window, CancellationToken cancellationToken)
    {
        NpgsqlConnectionStringBuilder settings = new(ConnectionString(Database)) { MinPoolSize = 1 };
        TpqClient[] clients = [.. Enumerable.Range(0, producers).Select(_ => new TpqClient(settings.ConnectionString))];
        try
        {
            // As many as there are producers, so that each step finds one that nobody else has.
            var free = new ConcurrentBag<TpqQueue>(clients.Select(client => client.Queue(_queue.Name)));
            return await Load.RateAsync(producers, window, async () =>
            {
                free.TryTake(out TpqQueue? queue);
                await queue!.PutAsync(Payload.Plain, CancellationToken.None);
                free.Add(queue);
                return 1;
            }, cancellationToken);
        }
        finally
        {
            foreach (TpqClient client in clients)
                await client.DisposeAsync();
        }
    }

    public override async Task<double> PutManyAsync(int count, CancellationToken cancellationToken) =>
        await Bulk.RateAsync(count, () => _queue.PutManyAsync(Enumerable.Repeat(Payload.Plain, count), cancellationToken));

    public override Task<double> GetManyAsync(int batch, Window window, CancellationToken cancellationToken) =>
        batch == 1 ? GetSinglyAsync(window, cancellationToken) : Load.RateAsync(1, window, () => GetBatchAsync(batch), cancellationToken);

    public override Task WorkAsync(int consumers, Handler handler, CancellationToken stop) =>
        Task.WhenAll(Enumerable.Range(0, consumers).Select(_ => _queue.ConsumeAsync(
            (delivery, _) => handler.Work == Work.WriteRow
                ? handler.HandleAsync(delivery.Message.Id, () => delivery.Message.Json, delivery.Connection, delivery.Transaction)
                // What does not write does not ask for the connection either, as in a program: that would set a savepoint.
                : handler.HandleAsync(() => delivery.Message.Json),
            cancellationToken: stop)));

    public override bool WorksInBatches => true;

    public override Task WorkInBatchesAsync(int consumers, Handler handler, CancellationToken stop) =>
        Task.WhenAll(Enumerable.Range(0, consumers).Select(_ => _queue.ConsumeBatchesAsync(BatchSize, async (batch, _) =>
        {
            foreach (TpqMessage message in batch)
                await handler.HandleAsync(message.Id, () => message.Json, batch.Connection, batch.Transaction);
        }, cancellationToken: stop)));

    /// <summary>The queue with this number of those at which the idle process waits.</summary>
    public static string IdleQueue(int number) => string.Create(CultureInfo.InvariantCulture, $"idle{number}");

    public override async Task WaitIdlyAsync(int queues, CancellationToken stop)
    {
        TpqQueue[] idle = [.. Enumerable.Range(0, queues).Select(n => _client.Queue(IdleQueue(n)))];
        foreach (TpqQueue queue in idle)
            await queue.CreateAsync(cancellationToken: stop);
        // One after the other, as in a program that starts: not a hundred first looks on a hundred connections.
        var waits = new List<Task>();
        foreach (TpqQueue queue in idle)
        {
            waits.Add(queue.ConsumeAsync((_, _) => Task.CompletedTask, cancellationToken: stop));
            await Task.Delay(TimeSpan.FromMilliseconds(5), stop);
        }
        await Task.WhenAll(waits);
    }

    public override async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override Task PutOneAsync(string payload) => _queue.PutAsync(payload, CancellationToken.None);

    async Task<double> GetSinglyAsync(Window window, CancellationToken cancellationToken)
    {
        await using IAsyncEnumerator<TpqDelivery> deliveries = _queue.ReadAllAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        return await Load.RateAsync(1, window, async () =>
        {
            await deliveries.MoveNextAsync();
            await deliveries.Current.CommitAsync();
            return 1;
        }, cancellationToken);
    }

    async Task<long> GetBatchAsync(int size)
    {
        await using TpqBatch? batch = await _queue.GetManyAsync(size);
        if (batch is null)
            return 0;
        await batch.CommitAsync();
        return batch.Count;
    }

    static string ConnectionString(Database database)
    {
        NpgsqlConnectionStringBuilder settings = database.ConnectionString(SystemName);
        settings.MaxAutoPrepare = 32;
        settings.MaxPoolSize = 150;
        settings.NoResetOnClose = true;
        return settings.ConnectionString;
    }
}
