using System.Text.Json.Nodes;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

/// <summary>A system for node: producers and consumers are in one process of node, which is kept.</summary>
abstract class NodeSystem(Database database, string package) : QueueSystem(database)
{
    static readonly TimeSpan HandledInterval = TimeSpan.FromMilliseconds(20);

    NodeProcess? _process;

    public override string Name => package;

    public override string? Version { get; } = NodeVersions.Of(package);

    NodeProcess Node => _process ?? throw new InvalidOperationException("It was not started.");

    public override async Task InstallAsync(CancellationToken cancellationToken)
    {
        _process = await NodeProcess.StartAsync(Name, Database, cancellationToken);
        await Node.AskAsync("handled", null, cancellationToken);
        await Ledger.RenewAsync(cancellationToken);
        // The form of a message as the library writes it, to make backlogs from.
        await Node.AskAsync("putCount", new { count = 1 }, cancellationToken);
        await Template.MakeAsync(Database, Table, cancellationToken);
        await RenewAsync(cancellationToken);
    }

    public override async Task RenewAsync(CancellationToken cancellationToken)
    {
        await Database.ExecuteAsync($"TRUNCATE {Table} CASCADE", cancellationToken);
        await Ledger.RenewAsync(cancellationToken);
    }

    public override Task FillAsync(long count, CancellationToken cancellationToken) =>
        Template.CopyAsync(Database, Table, count, cancellationToken);

    public override Task<double> PutAsync(int producers, Window window, CancellationToken cancellationToken) => Node.AskAsync<double>(
        "put", new { producers, warmup = window.Warmup.TotalMilliseconds, length = window.Length.TotalMilliseconds }, cancellationToken);

    public override Task PutCountAsync(int count, CancellationToken cancellationToken) =>
        Node.AskAsync("putCount", new { count }, cancellationToken);

    public override Task<double> PutManyAsync(int count, CancellationToken cancellationToken) =>
        Node.AskAsync<double>("putMany", new { count }, cancellationToken);

    public override Task<double> GetManyAsync(int batch, Window window, CancellationToken cancellationToken) => Node.AskAsync<double>(
        "getMany", new { batch, warmup = window.Warmup.TotalMilliseconds, length = window.Length.TotalMilliseconds }, cancellationToken);

    public override Task GetCountAsync(int count, CancellationToken cancellationToken) =>
        Node.AskAsync("getCount", new { count }, cancellationToken);

    public override Task WorkAsync(int consumers, Handler handler, CancellationToken stop) => WorkAsync(consumers, handler, singly: false, stop);

    /// <param name="consumers">How many at the same time.</param>
    /// <param name="handler">What is done with each message.</param>
    /// <param name="singly">Whether messages are to be taken one by one, where the system's settings for throughput take many.</param>
    /// <param name="stop">Ends it.</param>
    protected async Task WorkAsync(int consumers, Handler handler, bool singly, CancellationToken stop)
    {
        await Node.AskAsync("work", new { consumers, work = handler.Work.ToString(), singly }, CancellationToken.None);
        while (!stop.IsCancellationRequested)
        {
            handler.Handled = await Node.AskAsync<long>("handled", null, CancellationToken.None);
            await Task.Delay(HandledInterval, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await Node.AskAsync("stop", null, CancellationToken.None);
    }

    public override async Task<IReadOnlyList<Arrival>> FollowAsync(Schedule schedule, int consumers, CancellationToken cancellationToken)
    {
        double[] times = [.. schedule.Times.Select(time => time.TotalMilliseconds)];
        JsonNode? answer = await Node.AskAsync("follow", new { times, producers = schedule.Producers, consumers }, cancellationToken);
        (long At, long Took)[] arrivals = [.. answer!.AsArray().Select(arrival => ((long)arrival![0]!, (long)arrival[1]!))];
        long first = arrivals.Min(arrival => arrival.At);
        return [.. arrivals.Select(a => new Arrival(TimeSpan.FromMicroseconds(a.At - first), TimeSpan.FromMicroseconds(a.Took)))];
    }

    public override async Task<double> PutToConsumersAsync(int producers, int consumers, Window window, CancellationToken cancellationToken)
    {
        await using Consumption? consumption =
            consumers == 0 ? null : new Consumption(stop => WorkAsync(consumers, NewHandler(Work.Nothing), stop), cancellationToken);
        return await PutAsync(producers, window, cancellationToken);
    }

    public override async Task<IdleCost> MeasureIdleAsync(int queues, Window window, CancellationToken cancellationToken)
    {
        await using Database idle = Database.Again(IdleProcess.ApplicationSuffix);
        await using NodeProcess node = await NodeProcess.StartAsync(Name, idle, cancellationToken);
        await node.AskAsync("waitIdly", new { queues }, cancellationToken);
        await Task.Delay(window.Warmup, cancellationToken);
        double before = await node.AskAsync<double>("cpu", null, cancellationToken);
        Task end = Task.Delay(window.Length, cancellationToken);
        double connections = await IdleProcess.WatchConnectionsAsync(this, end, cancellationToken);
        double used = await node.AskAsync<double>("cpu", null, cancellationToken) - before;
        return new IdleCost(used / window.Length.TotalSeconds, connections);
    }

    public override async ValueTask DisposeAsync()
    {
        if (_process is not null)
            await _process.DisposeAsync();
        _process = null;
        await base.DisposeAsync();
    }

    /// <summary>The table in which one message is one row.</summary>
    protected abstract string Table { get; }
}
