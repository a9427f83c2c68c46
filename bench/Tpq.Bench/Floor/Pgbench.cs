using System.Globalization;
using System.Text.RegularExpressions;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Floor;

/// <summary>pgbench, which sends prepared statements with as little as can be between them.</summary>
sealed partial class Pgbench(PostgresProgram program)
{
    /// <summary>Longer than any measurement: it is stopped when that is over.</summary>
    const int UntilStopped = 3600;

    /// <summary>Transactions a second, without the time to connect.</summary>
    public async Task<double> RateAsync(string script, Window window, CancellationToken cancellationToken, int clients = 1) =>
        Rate(await RunAsync(script, clients, ["-T", Seconds(window.Total)], cancellationToken));

    /// <summary>Runs a script a number of times, by one client.</summary>
    public Task RunCountAsync(string script, int count, CancellationToken cancellationToken) =>
        RunAsync(script, 1, ["-t", count.ToString(CultureInfo.InvariantCulture)], cancellationToken);

    /// <summary>Runs a script until it is stopped.</summary>
    public Task RunUntilAsync(string script, int clients, CancellationToken stop) =>
        RunAsync(script, clients, ["-T", $"{UntilStopped}"], stop, stopIsFailure: false);

    async Task<string> RunAsync(string script, int clients, string[] length, CancellationToken stop, bool stopIsFailure = true)
    {
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, script, CancellationToken.None);
            string[] arguments =
            [
                "--no-vacuum", "--protocol=prepared", "--file", file, "--client", $"{clients}",
                "--jobs", $"{Math.Min(clients, Environment.ProcessorCount)}", "--define", "last=0", .. length,
            ];
            return await program.RunAsync(arguments, stop, stopIsFailure);
        }
        finally
        {
            File.Delete(file);
        }
    }

    static double Rate(string report)
    {
        Match match = RateWords().Match(report);
        return match.Success
            ? double.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
            : throw new InvalidOperationException($"pgbench reported no rate: {report}");
    }

    /// <summary>pgbench knows whole seconds.</summary>
    static string Seconds(TimeSpan time) => Math.Max(1, (int)Math.Round(time.TotalSeconds)).ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"tps = ([0-9.]+) \(without initial connection time\)")]
    private static partial Regex RateWords();
}
