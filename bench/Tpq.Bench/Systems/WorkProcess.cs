using System.Diagnostics;
using System.Globalization;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

/// <summary>A process of their own for the consumers of a system: some of the runtime's settings hold from its start.</summary>
static class WorkProcess
{
    public const string Verb = "work";

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>As <see cref="QueueSystem.WorkSinglyAsync"/> or <see cref="QueueSystem.WorkInBatchesAsync"/>.</summary>
    /// <param name="system">Whose consumers.</param>
    /// <param name="inBatches">Which of them.</param>
    /// <param name="consumers">How many.</param>
    /// <param name="environment">Variables of the process.</param>
    /// <param name="stop">Ends it.</param>
    public static async Task RunAsync(InProcessSystem system, bool inBatches, int consumers, IReadOnlyDictionary<string, string> environment, CancellationToken stop)
    {
        ProcessStartInfo start = OwnProcess.Start(system, Verb, system.Name, system.Place, consumers.ToString(CultureInfo.InvariantCulture), inBatches.ToString());
        foreach ((string variable, string value) in environment)
            start.Environment[variable] = value;
        using Process process = Process.Start(start)!;
        try
        {
            await process.WaitForExitAsync(stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!stop.IsCancellationRequested)
                throw new InvalidOperationException($"the process with the consumers ended with {process.ExitCode}");
            process.StandardInput.Close();
            await process.WaitForExitAsync(CancellationToken.None).WaitAsync(Patience, CancellationToken.None);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>The other side: consumes until its input ends.</summary>
    public static async Task<int> ConsumeAsync(string name, string place, int consumers, bool inBatches, CancellationToken cancellationToken)
    {
        await using var system = (InProcessSystem)Catalog.Create(name, OwnProcess.Database());
        system.Attach(place);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Handler handler = system.NewHandler(Work.WriteRow);
        Task work = Task.Run(() => inBatches ? system.WorkInBatchesAsync(consumers, handler, stop.Token) : system.WorkSinglyAsync(consumers, handler, stop.Token), CancellationToken.None);
        await Task.WhenAny(work, Console.In.ReadToEndAsync(cancellationToken));
        await stop.CancelAsync();
        await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return work.IsFaulted ? 1 : 0;
    }
}
