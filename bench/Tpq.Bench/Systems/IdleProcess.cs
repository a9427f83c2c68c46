using System.Diagnostics;
using System.Globalization;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

/// <summary>This program once more, with one system that only waits: so nothing else is in its CPU time.</summary>
static class IdleProcess
{
    public const string Verb = "idle";

    /// <summary>By which its connections are told from this process's own.</summary>
    public const string ApplicationSuffix = " idle";

    const string Variable = "TPQ_BENCH_DATABASE";

    /// <summary>For start-up, just-in-time compilation and the first looks to be over.</summary>
    static readonly TimeSpan Settling = TimeSpan.FromSeconds(5);

    public static async Task<IdleCost> MeasureAsync(QueueSystem system, int queues, TimeSpan time, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            ArgumentList = { Verb, system.Name, queues.ToString(CultureInfo.InvariantCulture), time.TotalSeconds.ToString(CultureInfo.InvariantCulture) },
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment[Variable] = system.Database.ConnectionString(system.Name).ConnectionString;
        using Process process = Process.Start(start)!;
        try
        {
            await process.StandardOutput.ReadLineAsync(cancellationToken);
            int connections = await CountConnectionsAsync(system, cancellationToken);
            string? core = await process.StandardOutput.ReadLineAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return core is null
                ? throw new InvalidOperationException($"the idle process ended with {process.ExitCode}")
                : new IdleCost(double.Parse(core, CultureInfo.InvariantCulture), connections);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    public static async Task<int> CountConnectionsAsync(QueueSystem system, CancellationToken cancellationToken) =>
        (int)await system.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = '{system.Name}{ApplicationSuffix}'",
            cancellationToken);

    /// <summary>The other side: writes one line when it waits, and one with the part of a core that it used.</summary>
    public static async Task<int> RunAsync(string name, int queues, TimeSpan time, CancellationToken cancellationToken)
    {
        var database = new Database(Environment.GetEnvironmentVariable(Variable)!, ApplicationSuffix);
        await using QueueSystem system = Catalog.Create(name, database);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task waiting = Task.Run(() => system.WaitIdlyAsync(queues, stop.Token), CancellationToken.None);
        await Task.WhenAny(waiting, Task.Delay(Settling, cancellationToken));
        if (waiting.IsCompleted)
            await waiting;
        Console.WriteLine("waiting");
        TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
        await Task.Delay(time, cancellationToken);
        TimeSpan used = Process.GetCurrentProcess().TotalProcessorTime - before;
        Console.WriteLine((used / time).ToString(CultureInfo.InvariantCulture));
        await stop.CancelAsync();
        await waiting.WaitAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
        return 0;
    }
}
