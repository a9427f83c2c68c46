using Spectre.Console;
using Tpq.Bench.Report;
using Tpq.Bench.Scenarios;

namespace Tpq.Bench;

/// <summary>One scenario while it runs: takes down what it finds and shows how far it is.</summary>
sealed class ScenarioRun(Scenario scenario, Server server, Subjects subjects, string? tpqPath, ProgressTask progress)
{
    readonly List<Figure> _figures = [];
    readonly List<Gap> _gaps = [];

    public Server Server => server;

    public Subjects Subjects => subjects;

    /// <summary>The command that the user has named.</summary>
    public string? TpqPath => tpqPath;

    public IReadOnlyList<Figure> Figures => _figures;

    public IReadOnlyList<Gap> Gaps => _gaps;

    public void Expect(int measurements) => progress.MaxValue = measurements;

    public void Begin(string what) => progress.Description = Markup.Escape($"({scenario.Letter}) {scenario.Title}: {what}");

    public void End() => progress.Increment(1);

    public void Record(Value value, string system, int round) =>
        _figures.Add(new Figure(scenario.Letter, value.Measure, system, round, value.Number, value.Series));

    /// <summary>Takes down once what is missing in every round.</summary>
    public void Miss(IEnumerable<string> measures, string system, string reason, bool failed)
    {
        foreach (string measure in measures)
            if (!_gaps.Any(gap => gap.Measure == measure && gap.System == system))
                _gaps.Add(new Gap(scenario.Letter, measure, system, reason, failed));
        if (failed)
            AnsiConsole.MarkupLineInterpolated($"[yellow]({scenario.Letter}) {system}: {reason}[/]");
    }
}
