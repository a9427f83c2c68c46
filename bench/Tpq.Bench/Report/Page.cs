using System.Text;
using Tpq.Bench.Scenarios;

namespace Tpq.Bench.Report;

/// <summary>docs/benchmarks.md: everything on it comes from the results.</summary>
static class Page
{
    public static string Path(string output) => System.IO.Path.Combine(output, "benchmarks.md");

    public static async Task WriteAsync(string output, Results results, CancellationToken cancellationToken)
    {
        var page = new StringBuilder();
        Introduce(page);
        foreach (ScenarioResults found in results.Scenarios)
        {
            Scenario scenario = ScenarioCatalog.Create(Conditions.Of(found.Quick, found.Rounds, found.Seconds)).Single(s => s.Letter == found.Letter);
            new Section(page, scenario, found).Write();
            foreach (Chart chart in scenario.Charts)
                await ChartFile.WriteAsync(System.IO.Path.Combine(output, ChartFile.Folder), chart, found, cancellationToken);
        }
        new Surroundings(page, results).Write();
        await File.WriteAllTextAsync(Path(output), page.ToString(), cancellationToken);
    }

    static void Introduce(StringBuilder page) => page.Append(
        """
        # Benchmarks

        Written by `dotnet run -c Release --project bench/Tpq.Bench -- all`, which starts a PostgreSQL of its own and takes every system in turn
        on it; a scenario can be measured by itself, by its letter. Below it are its date and its lengths, which hold where its text names no
        others. The raw results are in [results.json](benchmarks/results.json). `fsync` and `synchronous_commit` are on for everyone. In each round
        every system has its turn, in an order of its own. A value is the median over the rounds, with the lowest and the highest in parentheses;
        a ratio is taken within each round, and then the median of the ratios. The *floor* is the bare statements: what this server can do at best
        on this machine. *textbook* is the plain `DELETE … FOR UPDATE SKIP LOCKED` with a trigger that notifies. Where rates are compared, a table
        of one line puts tpq beside the fastest other queue of each column: below 1 tpq is behind. (n) says where the time goes. A dash means that
        a system cannot do it, or not here; the reason is below the table.


        """);
}
