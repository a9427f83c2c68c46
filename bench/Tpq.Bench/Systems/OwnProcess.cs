using System.Diagnostics;

namespace Tpq.Bench.Systems;

/// <summary>This program once more, with one system in it and nothing else.</summary>
static class OwnProcess
{
    const string Variable = "TPQ_BENCH_DATABASE";

    public static ProcessStartInfo Start(QueueSystem system, params IEnumerable<string> words) => new(Environment.ProcessPath!, words)
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        Environment = { [Variable] = system.Database.ConnectionString(system.Name).ConnectionString },
    };

    /// <summary>The other side: the database that it was given.</summary>
    public static Database Database(string applicationSuffix = "") => new(Environment.GetEnvironmentVariable(Variable)!, applicationSuffix);
}
