using System.Diagnostics;
using System.Globalization;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;

namespace Tpq.Bench.Systems;

/// <summary>A process of its own for a system that only waits: so nothing else is in its CPU time.</summary>
static class IdleProcess
{
    public const string Verb = "idle";

    /// <summary>By which its connections are told from this process's own.</summary>
    public const string ApplicationSuffix = " idle";

    /// <summary>After the warm-up, start-up is over when so little of a core was used for a second.</summary>
    const double Calm = 0.03;

    /// <summary>And at the latest so many seconds later: some are never calm.</summary>
    const int MostSeconds = 14;

    public static async Task<IdleCost> MeasureAsync(QueueSystem system, int queues, Window window, CancellationToken cancellationToken)
    {
        using Process process = Process.Start(OwnProcess.Start(
            system, Verb, system.Name, queues.ToString(CultureInfo.InvariantCulture),
            window.Warmup.TotalSeconds.ToString(CultureInfo.InvariantCulture), window.Length.TotalSeconds.ToString(CultureInfo.InvariantCulture)))!;
        try
        {
            await process.StandardOutput.ReadLineAsync(cancellationToken);
            Task<string?> end = process.StandardOutput.ReadLineAsync(cancellationToken).AsTask();
            double connections = await WatchConnectionsAsync(system, end, cancellationToken);
            string? core = await end;
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

    /// <summary>The number that is held most of the time.</summary>
    public static async Task<double> WatchConnectionsAsync(QueueSystem system, Task end, CancellationToken cancellationToken)
    {
        string sql = $"""
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = '{system.Name}{ApplicationSuffix}'
            """;
        var counts = new List<double>();
        do
        {
            counts.Add(await system.Database.ScalarAsync<long>(sql, cancellationToken));
            await Task.WhenAny(end, Task.Delay(TimeSpan.FromMilliseconds(200), cancellationToken));
        }
        while (!end.IsCompleted);
        return Statistics.Median(counts);
    }

    /// <summary>The other side: writes one line when it waits, and one with the part of a core that it used.</summary>
    public static async Task<int> RunAsync(string name, int queues, Window window, CancellationToken cancellationToken)
    {
        await using QueueSystem system = Catalog.Create(name, OwnProcess.Database(ApplicationSuffix));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task waiting = Task.Run(() => system.WaitIdlyAsync(queues, stop.Token), CancellationToken.None);
        await Task.Delay(window.Warmup, cancellationToken);
        for (int second = 0; second < MostSeconds; second++)
            if (await UseAsync(TimeSpan.FromSeconds(1)) <= Calm)
                break;
        if (waiting.IsCompleted)
            await waiting;
        Console.WriteLine("waiting");
        Console.WriteLine((await UseAsync(window.Length)).ToString(CultureInfo.InvariantCulture));
        await stop.CancelAsync();
        await Task.WhenAny(waiting, Task.Delay(TimeSpan.FromSeconds(10), CancellationToken.None));
        return 0;

        async Task<double> UseAsync(TimeSpan during)
        {
            TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
            await Task.Delay(during, cancellationToken);
            return (Process.GetCurrentProcess().TotalProcessorTime - before) / during;
        }
    }
}
