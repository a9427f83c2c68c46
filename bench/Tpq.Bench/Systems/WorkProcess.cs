using System.Diagnostics;
using System.Globalization;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

/// <summary>A process of their own for the consumers of a library, as in production, and kept: what it has compiled stays compiled.</summary>
sealed class WorkProcess : IAsyncDisposable
{
    public const string Verb = "work";

    const string Stop = "stop", Stopped = "stopped";

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    readonly InProcessSystem _system;
    readonly Process _process;

    /// <param name="system">Whose consumers.</param>
    /// <param name="environment">Variables of the process: some of the runtime's settings hold from its start.</param>
    public WorkProcess(InProcessSystem system, IReadOnlyDictionary<string, string> environment)
    {
        _system = system;
        ProcessStartInfo start = OwnProcess.Start(system, Verb, system.Name);
        foreach ((string variable, string value) in environment)
            start.Environment[variable] = value;
        _process = Process.Start(start)!;
    }

    public bool HasEnded => _process.HasExited;

    /// <summary>As <see cref="QueueSystem.WorkSinglyAsync"/> or <see cref="QueueSystem.WorkInBatchesAsync"/>.</summary>
    /// <param name="inBatches">Which of them.</param>
    /// <param name="consumers">How many at the same time.</param>
    /// <param name="stop">Ends it.</param>
    public async Task RunAsync(bool inBatches, int consumers, CancellationToken stop)
    {
        await TellAsync(string.Create(CultureInfo.InvariantCulture, $"{consumers} {inBatches} {_system.Place}"));
        await _process.WaitForExitAsync(stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (stop.IsCancellationRequested)
            await TellAsync(Stop);
        try
        {
            if (await _process.StandardOutput.ReadLineAsync(CancellationToken.None).AsTask().WaitAsync(Patience, CancellationToken.None) != Stopped)
                throw new InvalidOperationException("the process with the consumers has ended");
        }
        catch (TimeoutException)
        {
            // It would take the next order for the word to stop.
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync(CancellationToken.None).WaitAsync(Patience, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    /// <summary>The other side: does what it is told, until its input ends.</summary>
    public static async Task<int> ServeAsync(string name, CancellationToken cancellationToken)
    {
        await using var system = (InProcessSystem)Catalog.Create(name, OwnProcess.Database());
        using var input = new StreamReader(Console.OpenStandardInput());
        while (await input.ReadLineAsync(cancellationToken) is { } line)
        {
            string[] words = line.Split(' ', 3);
            (int consumers, bool inBatches) = (int.Parse(words[0], CultureInfo.InvariantCulture), bool.Parse(words[1]));
            system.Attach(words[2]);
            await using (var work = new Consumption(
                token => inBatches ? system.WorkInBatchesAsync(consumers, system.NewHandler(Work.WriteRow), token) : system.WorkSinglyAsync(consumers, system.NewHandler(Work.WriteRow), token),
                cancellationToken))
            {
                Task<string?> told = input.ReadLineAsync(cancellationToken).AsTask();
                await Task.WhenAny(told, work.Ended);
                await work.ThrowIfEndedAsync();
            }
            Console.WriteLine(Stopped);
        }
        return 0;
    }

    async Task TellAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync(CancellationToken.None);
    }
}
