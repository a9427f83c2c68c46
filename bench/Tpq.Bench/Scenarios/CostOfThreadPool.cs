using Tpq.Bench.Floor;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

/// <summary>How much of (b) is .NET's way from a socket to who waits for it.</summary>
sealed class CostOfThreadPool(Conditions conditions) : Scenario(conditions)
{
    const string Variable = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    static readonly IReadOnlyDictionary<string, string> AsItIs = new Dictionary<string, string>(), Inline = new Dictionary<string, string> { [Variable] = "1" };

    static readonly Variant[] Variants =
    [
        new(FloorSystem.SystemName, FloorSystem.SystemName, AsItIs),
        new(TpqSystem.SystemName, TpqSystem.SystemName, AsItIs),
        new($"{TpqSystem.SystemName}, without the pool", TpqSystem.SystemName, Inline),
        new(TextbookSystem.SystemName, TextbookSystem.SystemName, AsItIs),
        new($"{TextbookSystem.SystemName}, without the pool", TextbookSystem.SystemName, Inline),
    ];

    public override char Letter => 'o';

    public override string Title => "What the thread pool costs";

    public override string Text =>
        "As (b), with single messages. .NET has one thread or a few that wait for all sockets, and what has arrived they hand to the thread pool: each answer of the server "
        + $"wakes two threads, of which the second looks around for more work before it sleeps. *Without the pool* is the same program with `{Variable}=1`, where the thread that has waited goes on with the "
        + "work itself, as in programs of one thread. That shows what the hand-over costs, and is no setting to recommend: who blocks there, be it for a moment, keeps everybody else's answers waiting.";

    public override IReadOnlyList<Table> Tables =>
    [
        new("Messages a second", [.. Conditions.Workers.Select(n => new Column(Words.Consumers(n), Rate(n)))], FloorSystem.SystemName),
        new("Client, microseconds on a processor for a message", [.. Conditions.Workers.Select(n => new Column(Words.Consumers(n), Client(n)))]),
        new("Server, microseconds on a processor for a message", [.. Conditions.Workers.Select(n => new Column(Words.Consumers(n), Server(n)))]),
    ];

    public override IReadOnlyList<Chart> Charts { get; } = [];

    public override async Task RunAsync(ScenarioRun run, CancellationToken cancellationToken)
    {
        Variant[] variants = [.. Variants.Where(v => run.Subjects.Names.Contains(v.System))];
        run.Expect(Conditions.Rounds * Conditions.Workers.Count * variants.Length);
        var processes = new Dictionary<Variant, WorkProcess>();
        try
        {
            await MeasureAsync(run, variants, processes, cancellationToken);
        }
        finally
        {
            foreach (WorkProcess process in processes.Values)
                await process.DisposeAsync();
        }
    }

    async Task MeasureAsync(ScenarioRun run, Variant[] variants, Dictionary<Variant, WorkProcess> processes, CancellationToken cancellationToken)
    {
        for (int round = 0; round < Conditions.Rounds; round++)
            foreach (int consumers in Conditions.Workers)
                foreach (Variant variant in Ordered(variants, round))
                {
                    run.Begin($"{Words.Consumers(consumers)}, {variant.Name}, round {round + 1}");
                    try
                    {
                        await MeasureAsync(run, variant, processes, consumers, round, cancellationToken);
                    }
                    catch (Exception e) when (!cancellationToken.IsCancellationRequested)
                    {
                        run.Miss([Rate(consumers), Client(consumers), Server(consumers)], variant.Name, e.Message, failed: true);
                    }
                    finally
                    {
                        run.End();
                    }
                }
    }

    async Task MeasureAsync(ScenarioRun run, Variant variant, Dictionary<Variant, WorkProcess> processes, int consumers, int round, CancellationToken cancellationToken)
    {
        QueueSystem system = await run.Subjects.GetAsync(variant.System, "", rehearse: false, cancellationToken);
        await Backlogs.FillAsync(system, Conditions.WindowOfProcess, cancellationToken);
        if (processes.TryGetValue(variant, out WorkProcess? ended) && ended.HasEnded && processes.Remove(variant))
            await ended.DisposeAsync();
        if (system is InProcessSystem library && !processes.ContainsKey(variant))
        {
            processes[variant] = new WorkProcess(library, variant.Environment);
            await ProfileAsync();
            await Backlogs.FillAsync(system, Conditions.WindowOfProcess, cancellationToken);
        }
        (double rate, TimeProfile profile) = await ProfileAsync();
        double messages = rate * profile.Length.TotalSeconds;
        run.Record(new Value(Rate(consumers), rate), variant.Name, round);
        run.Record(new Value(Client(consumers), profile.Used.Client.TotalMicroseconds / messages), variant.Name, round);
        run.Record(new Value(Server(consumers), profile.Used.Server.TotalMicroseconds / messages), variant.Name, round);

        Task<(double, TimeProfile)> ProfileAsync() => TimeProfile.OfGetsAsync(system, Conditions.WindowOfProcess,
            stop => processes.TryGetValue(variant, out WorkProcess? own)
                ? own.RunAsync(inBatches: false, consumers, stop)
                : system.WorkApartAsync(inBatches: false, consumers, system.NewHandler(Work.WriteRow), stop), cancellationToken);
    }

    static string Rate(int consumers) => $"{Words.Consumers(consumers)}, rate";

    static string Client(int consumers) => $"{Words.Consumers(consumers)}, client";

    static string Server(int consumers) => $"{Words.Consumers(consumers)}, server";

    /// <param name="Name">Its row.</param>
    /// <param name="System">Whose consumers.</param>
    /// <param name="Environment">Of their process, where that is one of .NET.</param>
    sealed record Variant(string Name, string System, IReadOnlyDictionary<string, string> Environment);
}
