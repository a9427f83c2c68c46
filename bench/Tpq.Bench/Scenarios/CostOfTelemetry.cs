using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Npgsql;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;

namespace Tpq.Bench.Scenarios;

/// <summary>What spans and metrics cost, beside the same with nobody listening.</summary>
sealed class CostOfTelemetry(Conditions conditions) : Scenario(conditions)
{
    const string Name = "telemetry", Off = "nobody listens";

    static readonly int[] Clients = [1, 8];

    static readonly string[] Loads = [.. Clients.SelectMany(static n => new[] { Put(n), Consume(n) })];

    static readonly (string Name, Func<IDisposable?> Listen)[] Variants =
        [(Off, static () => null), ("metrics", ListenToMetrics), ("metrics, and a trace of everything", static () => new Both(ListenToMetrics(), ListenToSpans()))];

    public override char Letter => 'l';

    public override string Title => "What telemetry costs";

    public override string Text =>
        "tpq alone: messages are put one by one; and each is consumed by a handler that returns at once, in its transaction. With nobody who listens to its meter and its source; with a listener to all of its metrics; "
        + "and with one to all of its spans too, each of them recorded with its tags and thrown away, and the trace put into each message. The three take turns ten times a second within one load, on the same queue "
        + "and connections, and the median of each is shown: a commit waits for the disk, whose moods are larger than the difference. So beside it there is what no disk has a part in: the time of tpq's process on a "
        + "processor, its driver included, and what it allocates. What is consumed was put with a trace.";

    public override IReadOnlyList<Table> Tables { get; } =
    [
        new("Messages a second", [.. Loads.Select(static l => Report.Column.Of(l))], Off),
        new("Microseconds on a processor for a message", [.. Loads.Select(static l => new Column(l, Processor(l)))], Off),
        new("Bytes allocated for a message", [.. Loads.Select(static l => new Column(l, Bytes(l)))], Off),
    ];

    public override IReadOnlyList<Chart> Charts { get; } = [];

    public override async Task RunAsync(ScenarioRun run, CancellationToken cancellationToken)
    {
        await using Database database = await run.Server.CreateDatabaseAsync(Name, cancellationToken);
        NpgsqlConnectionStringBuilder settings = database.ConnectionString(Name);
        (settings.MaxAutoPrepare, settings.NoResetOnClose) = (32, true);
        await using var client = new TpqClient(settings.ConnectionString);
        run.Expect(Conditions.Rounds * Clients.Length);
        int number = 0;
        for (int round = 0; round < Conditions.Rounds; round++)
            foreach (int clients in Clients)
            {
                run.Begin($"{clients} clients, round {round + 1}");
                TpqQueue queue = client.Queue(string.Create(CultureInfo.InvariantCulture, $"{Name}{number++}"));
                await queue.CreateAsync(cancellationToken: cancellationToken);
                Record(run, Put(clients), round, await TakeTurnsAsync(clients, () => PutAsync(queue), cancellationToken));
                await FillAsync(database, queue, cancellationToken);
                Record(run, Consume(clients), round, await ConsumeAsync(queue, clients, cancellationToken));
                await queue.DropAsync(cancellationToken);
                run.End();
            }
    }

    static void Record(ScenarioRun run, string load, int round, IReadOnlyList<Slice>[] slices)
    {
        foreach ((int i, (string variant, _)) in Variants.Index())
        {
            long messages = slices[i].Sum(static s => s.Messages);
            run.Record(new Value(load, Statistics.Median([.. slices[i].Select(static s => s.Rate)])), variant, round);
            run.Record(new Value(Processor(load), slices[i].Sum(static s => s.Processor.TotalMicroseconds) / messages), variant, round);
            run.Record(new Value(Bytes(load), slices[i].Sum(static s => s.Bytes) / (double)messages), variant, round);
        }
    }

    Task<IReadOnlyList<Slice>[]> TakeTurnsAsync(int workers, Func<Task<long>> step, CancellationToken cancellationToken) =>
        Load.TakeTurnsAsync(workers, Conditions.Window, step, [.. Variants.Select(static v => v.Listen)], cancellationToken);

    static async Task<long> PutAsync(TpqQueue queue)
    {
        await queue.PutAsync(Payload.Plain);
        return 1;
    }

    async Task<IReadOnlyList<Slice>[]> ConsumeAsync(TpqQueue queue, int consumers, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var handled = new SemaphoreSlim(0);
        Task consume = queue.ConsumeAsync((_, _) =>
        {
            handled.Release();
            return Task.CompletedTask;
        }, new TpqConsumeOptions { Concurrency = consumers }, stop.Token);
        try
        {
            return await TakeTurnsAsync(1, () => CountAsync(handled, consume), cancellationToken);
        }
        finally
        {
            await stop.CancelAsync();
            await consume;
        }
    }

    /// <summary>What was handled since the last time.</summary>
    static async Task<long> CountAsync(SemaphoreSlim handled, Task consume)
    {
        if (await Task.WhenAny(handled.WaitAsync(), consume) == consume)
            await consume;
        long count = 1;
        while (handled.Wait(0))
            count++;
        return count;
    }

    /// <summary>With messages that have a trace.</summary>
    async Task FillAsync(Database database, TpqQueue queue, CancellationToken cancellationToken)
    {
        await queue.ClearAsync(cancellationToken);
        int enough = (int)(Conditions.Window.Total.TotalSeconds + 1) * Variants.Length * 10_000;
        using (ListenToSpans())
            await queue.PutManyAsync(Enumerable.Repeat(Payload.Plain, enough), cancellationToken);
        await database.SettleAsync(cancellationToken);
    }

    static ActivityListener ListenToSpans()
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == TpqDiagnostics.Name,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }

    static MeterListener ListenToMetrics()
    {
        var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Meter.Name == TpqDiagnostics.Name)
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>(static (_, _, _, _) => { });
        listener.SetMeasurementEventCallback<double>(static (_, _, _, _) => { });
        listener.Start();
        return listener;
    }

    static string Put(int producers) => producers == 1 ? "put, 1 producer" : $"put, {producers} producers";

    static string Consume(int consumers) => consumers == 1 ? "consume, 1 consumer" : $"consume, {consumers} consumers";

    static string Processor(string load) => $"{load}, processor";

    static string Bytes(string load) => $"{load}, bytes";

    sealed class Both(IDisposable first, IDisposable second) : IDisposable
    {
        public void Dispose()
        {
            first.Dispose();
            second.Dispose();
        }
    }
}
