using System.CommandLine;
using System.Globalization;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;
using Tpq.Bench.Scenarios;
using Tpq.Bench.Systems;

namespace Tpq.Bench;

/// <summary>The words after <c>--</c>: scenarios by letter or <c>all</c>, or <c>report</c>.</summary>
static class CommandLine
{
    const string All = "all";
    const string ReportVerb = "report";

    /// <summary>For the server to stop and its folder to be removed.</summary>
    static readonly InvocationConfiguration Invocation = new() { ProcessTerminationTimeout = TimeSpan.FromSeconds(60) };

    static readonly Argument<string[]> Words = new("scenarios")
    {
        Description = "all; or the letters of scenarios; or report, which makes the page anew from the results.",
        Arity = ArgumentArity.OneOrMore,
    };

    static readonly Option<bool> Quick = new("--quick") { Description = "The comparisons of systems in about two minutes, without the peers unless --systems names them; the figures say little." };

    static readonly Option<string?> SystemNames = new("--systems")
    {
        Description = $"Only these, separated by commas: {string.Join(',', Catalog.Names)}; or all. Default: all, with --quick {string.Join(',', Catalog.Own)}.",
        HelpName = "names",
    };

    static readonly Option<int?> Rounds = new("--rounds") { Description = $"Default: {Conditions.DefaultRounds}.", HelpName = "number" };

    static readonly Option<double?> Seconds = new("--seconds")
    {
        Description = $"How long a measurement lasts. Default: {Conditions.DefaultSeconds}; what is shown over time lasts twelve times as long.",
        HelpName = "number",
    };

    static readonly Option<string> Output = new("--output") { Description = "The folder of the page. Default: docs.", HelpName = "folder", DefaultValueFactory = _ => "docs" };

    static readonly Option<string?> TpqPath = new("--tpq")
    {
        Description = "The tpq command to measure. Default: the native one that was published, else the one of this build.",
        HelpName = "path",
    };

    public static Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("Measures tpq beside other queues on one PostgreSQL of its own, and writes docs/benchmarks.md.")
        {
            Words, Quick, SystemNames, Rounds, Seconds, Output, TpqPath,
        };
        root.Subcommands.Add(IdleCommand());
        root.Subcommands.Add(WorkCommand());
        root.SetAction(RunAsync);
        return root.Parse(args).InvokeAsync(Invocation);
    }

    static async Task<int> RunAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        string[] words = parse.GetRequiredValue(Words);
        string output = parse.GetRequiredValue(Output);
        if (words is [ReportVerb])
            return await ReportAsync(output, cancellationToken);

        var conditions = Conditions.Of(parse.GetValue(Quick), parse.GetValue(Rounds), parse.GetValue(Seconds));
        char[] known = Letters(ScenarioCatalog.Create(conditions));
        if (words.FirstOrDefault(word => word != All && (word.Length != 1 || !known.Contains(word[0]))) is { } unknown)
            return Complain($"There is no scenario {unknown}: {All}, {string.Join(", ", known)}.");
        string[] systems = parse.GetValue(SystemNames) switch
        {
            null => [.. conditions.Quick ? Catalog.Own : Catalog.Names],
            All => [.. Catalog.Names],
            string names => names.Split(','),
        };
        if (systems.Except(Catalog.Names).FirstOrDefault() is { } stranger)
            return Complain($"There is no system {stranger}: {string.Join(", ", Catalog.Names)}.");

        char[] all = conditions.Quick ? Letters(ScenarioCatalog.Comparisons(conditions)) : known;
        char[] letters = words.Contains(All) ? all : [.. words.Select(word => word[0])];
        try
        {
            return await new Run(conditions, letters, systems, parse.GetValue(TpqPath), output).RunAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Complain("Stopped. The scenarios that were complete are in the results.");
        }
    }

    static char[] Letters(IEnumerable<Scenario> scenarios) => [.. scenarios.Select(scenario => scenario.Letter)];

    static async Task<int> ReportAsync(string output, CancellationToken cancellationToken)
    {
        if (await ResultsFile.ReadAsync(output, cancellationToken) is not { } results)
            return Complain($"There are no results in {ResultsFile.Path(output)}.");
        await Page.WriteAsync(output, results, cancellationToken);
        return 0;
    }

    /// <summary>For this program alone, see <see cref="IdleProcess"/>.</summary>
    static Command IdleCommand()
    {
        var name = new Argument<string>("system");
        var queues = new Argument<int>("queues");
        var warmup = new Argument<string>("warmup");
        var seconds = new Argument<string>("seconds");
        var command = new Command(IdleProcess.Verb) { name, queues, warmup, seconds };
        command.Hidden = true;
        command.SetAction((parse, cancellationToken) => IdleProcess.RunAsync(
            parse.GetRequiredValue(name), parse.GetRequiredValue(queues),
            new Window(Seconds(parse.GetRequiredValue(warmup)), Seconds(parse.GetRequiredValue(seconds))), cancellationToken));
        return command;

        static TimeSpan Seconds(string text) => TimeSpan.FromSeconds(double.Parse(text, CultureInfo.InvariantCulture));
    }

    /// <summary>For this program alone, see <see cref="WorkProcess"/>.</summary>
    static Command WorkCommand()
    {
        var name = new Argument<string>("system");
        var command = new Command(WorkProcess.Verb) { name };
        command.Hidden = true;
        command.SetAction((parse, cancellationToken) => WorkProcess.ServeAsync(parse.GetRequiredValue(name), cancellationToken));
        return command;
    }

    static int Complain(string words)
    {
        Console.Error.WriteLine($"bench: {words}");
        return 2;
    }
}
