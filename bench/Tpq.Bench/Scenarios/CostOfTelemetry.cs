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

    static readonly (string Name, Func<IDisposable?> Listen)[] Variants =
        [(Off, static () => null), ("metrics", ListenToMetrics), ("metrics, and a trace of everything", static () => new Both(ListenToMetrics(), ListenToSpans()))];

    public override char Letter => 'l';

    public override string Title => "What telemetry costs";

    public override string Text =>
        "tpq alone: messages are put one by one; and each is consumed by a handler that returns at once, in its transaction. With nobody who listens to its meter and its source; with a listener to all of its metrics; "
        + "and with one to all of its spans too, each of them recorded with its tags and thrown away, and the trace put into each message. Messages a second.";

    public override IReadOnlyList<Table> Tables { get; } =
        [new("Messages a second", [.. Clients.SelectMany(static n => new[] { Report.Column.Of(Put(n)), Report.Column.Of(Consume(n)) })], Off)];

    public override IReadOnlyList<Chart> Charts { get; } = [];

    public override async Task RunAsync(ScenarioRun run, CancellationToken cancellationToken)
    {
        await using Database database = await run.Server.CreateDatabaseAsync(Name, cancellationToken);
        NpgsqlConnectionStringBuilder settings = database.ConnectionString(Name);
        (settings.MaxAutoPrepare, settings.NoResetOnClose) = (32, true);
        await using var client = new TpqClient(settings.ConnectionString);
        run.Expect(Conditions.Rounds * Clients.Length * Variants.Length);
        int number = 0;
        for (int round = 0; round < Conditions.Rounds; round++)
            foreach (int clients in Clients)
                foreach (int i in Enumerable.Range(0, Variants.Length))
                {
                    (string name, Func<IDisposable?> listen) = Variants[(i + round) % Variants.Length];
                    run.Begin($"{name}, {clients} clients, round {round + 1}");
                    TpqQueue queue = client.Queue(string.Create(CultureInfo.InvariantCulture, $"{Name}{number++}"));
                    await queue.CreateAsync(cancellationToken: cancellationToken);
                    using (listen())
                    {
                        run.Record(new Value(Put(clients), await Load.RateAsync(clients, Conditions.Window, () => PutAsync(queue), cancellationToken)), name, round);
                        await FillAsync(database, queue, cancellationToken);
                        run.Record(new Value(Consume(clients), await ConsumeAsync(queue, clients, cancellationToken)), name, round);
                    }
                    await queue.DropAsync(cancellationToken);
                    run.End();
                }
    }

    static async Task<long> PutAsync(TpqQueue queue)
    {
        await queue.PutAsync(Payload.Plain);
        return 1;
    }

    async Task<double> ConsumeAsync(TpqQueue queue, int consumers, CancellationToken cancellationToken)
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
            return await Load.RateAsync(1, Conditions.Window, () => CountAsync(handled, consume), cancellationToken);
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

    /// <summary>With messages as they are put in this variant, in the trace or not.</summary>
    async Task FillAsync(Database database, TpqQueue queue, CancellationToken cancellationToken)
    {
        await queue.ClearAsync(cancellationToken);
        int enough = (int)(Conditions.Window.Total.TotalSeconds + 1) * 20_000;
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

    sealed class Both(IDisposable first, IDisposable second) : IDisposable
    {
        public void Dispose()
        {
            first.Dispose();
            second.Dispose();
        }
    }
}
