using System.Reflection;
using Npgsql;
using Rebus.Activation;
using Rebus.Bus;
using Rebus.Config;
using Rebus.PostgreSql.Transport;
using Rebus.Transport;
using Rebus.Workers.TplBased;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

sealed class RebusSystem(Database database) : InProcessSystem(database)
{
    public const string SystemName = "Rebus.PostgreSql";

    const string Table = "rebus";
    const string Queue = "bench";

    readonly NpgsqlDataSource _ledger = NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(database.ConnectionString(SystemName).ConnectionString) { MaxAutoPrepare = 8 });

    readonly BuiltinHandlerActivator _producer = new();
    IBus? _bus;

    public override string Name => SystemName;

    public override string? Version { get; } =
        typeof(PostgreSqlTransport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0];

    public override int MostPerSecond => 6_000;

    public override IReadOnlyList<string> Settings =>
    [
        "put: `Send` from a one-way client; bulk put: all sends in one `RebusTransactionScope`",
        "get: a bus with as many workers as consumers, `UseTplToReceiveMessages`; the rest, back-off included, as it comes",
        "Npgsql: `Minimum Pool Size=4;Maximum Pool Size=100`",
    ];

    public override async Task InstallAsync(CancellationToken cancellationToken)
    {
        // A bus that receives makes the table; a one-way client does not.
        using (Receive(0, _ => Task.CompletedTask))
            _bus = Configure.With(_producer).Logging(log => log.None())
                .Transport(transport => transport.UsePostgreSqlAsOneWayClient(ConnectionString, Table)).Start();
        await Ledger.RenewAsync(cancellationToken);
        await PutOneAsync(Payload.Plain);
        await Template.MakeAsync(Database, Table, cancellationToken);
        await RenewAsync(cancellationToken);
    }

    public override async Task RenewAsync(CancellationToken cancellationToken)
    {
        await Database.ExecuteAsync($"TRUNCATE {Table}", cancellationToken);
        await Ledger.RenewAsync(cancellationToken);
    }

    public override Task FillAsync(long count, CancellationToken cancellationToken) => Template.CopyAsync(Database, Table, count, cancellationToken);

    public override Task<double> PutManyAsync(int count, CancellationToken cancellationToken) => Bulk.RateAsync(count, async () =>
    {
        using var scope = new RebusTransactionScope();
        for (int n = 0; n < count; n++)
            await PutOneAsync(Payload.Plain);
        await scope.CompleteAsync();
    });

    public override async Task WorkAsync(int consumers, Handler handler, CancellationToken stop)
    {
        using BuiltinHandlerActivator receiver = Receive(consumers, message => handler.HandleAsync(() => message.Json));
        await Task.Delay(Timeout.InfiniteTimeSpan, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public override async Task WaitIdlyAsync(int queues, CancellationToken stop)
    {
        var receivers = new List<BuiltinHandlerActivator>();
        for (int n = 0; n < queues; n++)
            receivers.Add(Receive(1, _ => Task.CompletedTask, $"idle{n}"));
        await Task.Delay(Timeout.InfiniteTimeSpan, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Parallel.ForEach(receivers, receiver => receiver.Dispose());
    }

    public override IEnumerable<string> NotesOn(char letter) => letter is 'b' or 'd' or 'e'
        ? ["not atomic: its handlers do not get the transport's transaction, so the row is written in one of its own"]
        : [];

    public override Handler NewHandler(Work work) => new(work, _ledger);

    public override async ValueTask DisposeAsync()
    {
        _producer.Dispose();
        await _ledger.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override Task PutOneAsync(string payload) => _bus!.Advanced.Routing.Send(Queue, new BenchMessage(payload));

    string ConnectionString => Database.ConnectionString(SystemName).ConnectionString;

    BuiltinHandlerActivator Receive(int workers, Func<BenchMessage, Task> handle, string queue = Queue)
    {
        var receiver = new BuiltinHandlerActivator();
        receiver.Handle<BenchMessage>(handle);
        Configure.With(receiver).Logging(log => log.None())
            .Transport(transport => transport.UsePostgreSql(ConnectionString, Table, queue))
            .Options(options =>
            {
                // Each takes one message after the other. The default ones take the next while the last is being handled, and find that there is no parallelism left,
                // after which they back off for 100 ms: 10 messages a second for each consumer.
                options.UseTplToReceiveMessages();
                options.SetNumberOfWorkers(workers);
                options.SetMaxParallelism(Math.Max(workers, 1));
            })
            .Start();
        return receiver;
    }
}
