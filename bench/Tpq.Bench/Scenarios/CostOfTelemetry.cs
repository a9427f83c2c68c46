using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Npgsql;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;

namespace Tpq.Bench.Scenarios;

/// <summary>What spans and metrics cost, beside a build that has none.</summary>
sealed class CostOfTelemetry(Conditions conditions) : Scenario(conditions)
{
    const string Name = "telemetry", None = "no instrumentation";

    static readonly int[] Clients = [1, 8];

    static readonly string[] Loads = [.. Clients.SelectMany(static n => new[] { Put(n), Consume(n) })];

    static readonly (string Name, Func<string, string, IQueue> Open, Func<IDisposable?> Listen)[] Variants =
    [
        (None, static (settings, queue) => new UninstrumentedQueue(settings, queue), ListenToNothing),
        ("nobody listens", Instrumented, ListenToNothing),
        ("metrics", Instrumented, ListenToMetrics),
        ("metrics, and a trace of everything", Instrumented, static () => new Both(ListenToMetrics(), ListenToSpans())),
    ];

    public override char Letter => 'l';

    public override string Title => "What telemetry costs";

    public override string Text =>
        "tpq alone: messages are put one by one; and each is consumed by a handler that returns at once, in its transaction. By a build of the library's own sources in which nothing stands where "
        + "spans and metrics are noted; by the library, with nobody who listens to its meter and its source; with a listener to all of its metrics; and with one to all of its spans too, each of them recorded with its tags "
        + "and thrown away, and the trace put into each message. The four take turns of a tenth of a second, in an order left to chance, in one process and on the same queue, each with a client and connections of its own "
        + "that stay open, and the median of each is shown: a commit waits for the disk, whose moods are larger than the difference. So beside it there is what no disk has a part in: the time of tpq's process on a "
        + "processor, its driver included, and what it allocates. What is consumed was put with a trace.";

    public override IReadOnlyList<Table> Tables { get; } =
    [
        new("Messages a second", [.. Loads.Select(static l => Report.Column.Of(l))], None),
        new("Microseconds on a processor for a message", [.. Loads.Select(static l => new Column(l, Processor(l)))], None),
        new("Bytes allocated for a message", [.. Loads.Select(static l => new Column(l, Bytes(l)))], None),
    ];

    public override IReadOnlyList<Chart> Charts { get; } = [];

    public override async Task RunAsync(ScenarioRun run, CancellationToken cancellationToken)
    {
        await using Database database = await run.Server.CreateDatabaseAsync(Name, cancellationToken);
        NpgsqlConnectionStringBuilder settings = database.ConnectionString(Name);
        // What the others have their turns for is not idleness, after which a pool gives connections back.
        (settings.MaxAutoPrepare, settings.NoResetOnClose, settings.MinPoolSize) = (32, true, 2 * Clients.Max());
        await using var client = new TpqClient(settings.ConnectionString);
        run.Expect(Conditions.Rounds * Clients.Length);
        int number = 0;
        for (int round = 0; round < Conditions.Rounds; round++)
            foreach (int clients in Clients)
            {
                run.Begin($"{clients} clients, round {round + 1}");
                TpqQueue queue = client.Queue(string.Create(CultureInfo.InvariantCulture, $"{Name}{number++}"));
                await queue.CreateAsync(cancellationToken: cancellationToken);
                IQueue[] queues = [.. Variants.Select(v => v.Open(settings.ConnectionString, queue.Name))];
                try
                {
                    Record(run, Put(clients), round, await TakeTurnsAsync(queues, (q, put, stop) => PutAsync(q, clients, put, stop), cancellationToken));
                    await FillAsync(database, queue, cancellationToken);
                    Record(run, Consume(clients), round, await TakeTurnsAsync(queues, (q, handled, stop) => q.ConsumeAsync(clients, handled, stop), cancellationToken));
                }
                finally
                {
                    foreach (IQueue each in queues)
                        await each.DisposeAsync();
                }
                await queue.DropAsync(cancellationToken);
                run.End();
            }
    }

    static void Record(ScenarioRun run, string load, int round, IReadOnlyList<Slice>[] slices)
    {
        foreach ((int i, (string variant, _, _)) in Variants.Index())
        {
            long messages = slices[i].Sum(static s => s.Messages);
            run.Record(new Value(load, Statistics.Median([.. slices[i].Select(static s => s.Rate)])), variant, round);
            run.Record(new Value(Processor(load), slices[i].Sum(static s => s.Processor.TotalMicroseconds) / messages), variant, round);
            run.Record(new Value(Bytes(load), slices[i].Sum(static s => s.Bytes) / (double)messages), variant, round);
        }
    }

    /// <param name="queues">One for each variant.</param>
    /// <param name="work">Works with one of them until it is stopped, and tells of each message.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    async Task<IReadOnlyList<Slice>[]> TakeTurnsAsync(IReadOnlyList<IQueue> queues, Func<IQueue, Action, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        long count = 0;
        return await Load.TakeTurnsAsync(Conditions.Window, () => Interlocked.Read(ref count), [.. Variants.Zip(queues, WorkOf)], cancellationToken);

        Func<CancellationToken, Task> WorkOf((string, Func<string, string, IQueue>, Func<IDisposable?> Listen) variant, IQueue queue) => async stop =>
        {
            using IDisposable? listener = variant.Listen();
            await work(queue, () => Interlocked.Increment(ref count), stop);
        };
    }

    static Task PutAsync(IQueue queue, int producers, Action put, CancellationToken stop) =>
        Task.WhenAll(Enumerable.Range(0, producers).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await queue.PutAsync(Payload.Plain);
                put();
            }
        }, CancellationToken.None)));

    /// <summary>With messages that have a trace.</summary>
    async Task FillAsync(Database database, TpqQueue queue, CancellationToken cancellationToken)
    {
        await queue.ClearAsync(cancellationToken);
        int enough = (int)(Conditions.Window.Total.TotalSeconds + 1) * Variants.Length * 10_000;
        using (ListenToSpans())
            await queue.PutManyAsync(Enumerable.Repeat(Payload.Plain, enough), cancellationToken);
        await database.SettleAsync(cancellationToken);
    }

    static InstrumentedQueue Instrumented(string settings, string queue) => new(settings, queue);

    static IDisposable? ListenToNothing() => null;

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

    static string Consume(int consumers) => $"consume, {Words.Consumers(consumers)}";

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
