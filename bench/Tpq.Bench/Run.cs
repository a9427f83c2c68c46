using System.Diagnostics;
using System.Globalization;
using Spectre.Console;
using Tpq.Bench.Report;
using Tpq.Bench.Scenarios;

namespace Tpq.Bench;

/// <summary>A run: starts the server, goes through the scenarios, and writes results and page after each of them.</summary>
sealed class Run(Conditions conditions, IReadOnlyList<char> letters, IReadOnlyList<string> systems, string? tpqPath, string output)
{
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        await using Server server = await Server.StartAsync(cancellationToken);
        IReadOnlyDictionary<string, string> settings = await server.ShowAsync(cancellationToken);
        AnsiConsole.WriteLine($"PostgreSQL: {string.Join(", ", settings.Select(setting => $"{setting.Key}={setting.Value}"))}");
        AnsiConsole.WriteLine($"{conditions.Words}; {string.Join(", ", systems)}");

        await using var subjects = new Subjects(server, systems, conditions);
        IEnumerable<Scenario> scenarios = ScenarioCatalog.Create(conditions).Where(scenario => letters.Contains(scenario.Letter));
        await ConsoleProgress().StartAsync(async console =>
        {
            foreach (Scenario scenario in scenarios)
            {
                ProgressTask progress = console.AddTask(Markup.Escape($"({scenario.Letter}) {scenario.Title}"));
                var run = new ScenarioRun(scenario, server, subjects, tpqPath, progress);
                long start = Stopwatch.GetTimestamp();
                await scenario.RunAsync(run, cancellationToken);
                await subjects.EndKeptAsync();
                progress.Description = Markup.Escape($"({scenario.Letter}) {scenario.Title}");
                progress.StopTask();
                AnsiConsole.MarkupLineInterpolated($"({scenario.Letter}) took {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s");
                await WriteAsync(run, scenario, settings, subjects, cancellationToken);
            }
        });
        AnsiConsole.MarkupLineInterpolated($"Written: {Page.Path(output)}");
        return 0;
    }

    async Task WriteAsync(
        ScenarioRun run, Scenario scenario, IReadOnlyDictionary<string, string> settings, Subjects subjects, CancellationToken cancellationToken)
    {
        string date = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        Note[] notes = [.. subjects.Described.SelectMany(s => s.NotesOn(scenario.Letter).Select(words => new Note(s.Name, words)))];
        var found = new ScenarioResults(scenario.Letter, date, conditions.Words, conditions.Rounds, conditions.Length.TotalSeconds, conditions.Quick, run.Figures, run.Gaps, notes);
        var results = new Results(
            MachineDescription.Read(), settings, [.. subjects.Described.Select(s => new SystemDescription(s.Name, s.Version, s.Settings))], [found]);
        if (await ResultsFile.ReadAsync(output, cancellationToken) is { } earlier)
            results = earlier.Merge(results);
        await ResultsFile.WriteAsync(output, results, cancellationToken);
        await Page.WriteAsync(output, results, cancellationToken);
        ConsoleReport.Write(scenario, found);
    }

    static Spectre.Console.Progress ConsoleProgress() => AnsiConsole.Progress().AutoClear(false)
        .Columns(new ElapsedTimeColumn(), new ProgressBarColumn { Width = 20 }, new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left });
}
