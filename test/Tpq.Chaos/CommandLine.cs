using System.CommandLine;
using System.Diagnostics;
using Tpq.Chaos.Faults;
using Tpq.Chaos.Workers;

namespace Tpq.Chaos;

/// <summary>The words of the command.</summary>
static class CommandLine
{
    /// <summary>For the program's own processes alone.</summary>
    public const string WorkerVerb = "worker";

    static readonly Option<int?> Seed = new("--seed") { Description = "Repeats what is chance. Default: a new one, which is said.", HelpName = "number" };

    static readonly Option<int> Rounds = new("--rounds") { Description = "How often: at work, at peace, the books.", HelpName = "number", DefaultValueFactory = _ => 1 };

    static readonly Option<int> Strikes = new("--faults") { Description = "How many faults strike in a round.", HelpName = "number", DefaultValueFactory = _ => 100 };

    static readonly Option<int> Rate = new("--rate") { Description = "Messages a second that are put.", HelpName = "number", DefaultValueFactory = _ => 300 };

    static readonly Option<string?> Kinds = new("--kinds")
    {
        Description = $"Only these kinds, separated by commas; cheap, costly or all. {string.Join(',', Fault.All.Select(static f => f.Name))}. Default: all.",
        HelpName = "names",
    };

    /// <summary>For the server to stop and its folder to be removed.</summary>
    static readonly InvocationConfiguration Invocation = new() { ProcessTerminationTimeout = TimeSpan.FromSeconds(60) };

    public static Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand(
            "Breaks whatever can break around a queue, and sees whether the books balance. For example: dotnet run --project test/Tpq.Chaos -- --kinds=kill-consumer,cut-at-commit --faults=50")
        {
            Seed, Rounds, Strikes, Rate, Kinds,
        };
        root.Subcommands.Add(WorkerCommand());
        root.SetAction(RunAsync);
        return root.Parse(args).InvokeAsync(Invocation);
    }

    static async Task<int> RunAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        Fault[] faults = Chosen(parse.GetValue(Kinds) ?? "all");
        if (faults.Length == 0)
        {
            await Console.Error.WriteLineAsync($"chaos: there is no fault of this name: {string.Join(", ", Fault.All.Select(static f => f.Name))}; cheap, costly, all.");
            return 2;
        }
        int seed = parse.GetValue(Seed) ?? Random.Shared.Next();
        int rounds = parse.GetValue(Rounds), strikes = parse.GetValue(Strikes), rate = parse.GetValue(Rate), started = 0;
        Say($"seed {seed}");
        var report = new Report();
        try
        {
            await using World world = await World.CreateAsync(cancellationToken);
            for (int i = 0; i < rounds; i++)
            {
                long began = Stopwatch.GetTimestamp();
                RoundResult result = await new Round(world, faults, seed + i, strikes, rate, started, Say).RunAsync(cancellationToken);
                started = result.Processes;
                report.Add(result);
                Say($"round {i + 1} of {rounds}, {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s, seed {seed + i}: {result.Books.Put} put, {result.Books.Handled} handled, {result.Books.Dead} dead; "
                    + (result.Problems.Count == 0 ? "the books balance" : string.Join("; ", result.Problems)));
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Say("Stopped.");
        }
        Console.Write(report);
        return report.IsClean ? 0 : 1;
    }

    static Fault[] Chosen(string kinds)
    {
        string[] names = kinds.Split(',');
        return [.. Fault.All.Where(f => names.Contains(f.Name) || names.Contains("all") || names.Contains(f.IsCostly ? "costly" : "cheap"))];
    }

    static Command WorkerCommand()
    {
        Argument<string> kind = new("kind"), database = new("database"), file = new("file");
        Argument<int> number = new("number"), seed = new("seed"), rate = new("rate");
        var command = new Command(WorkerVerb) { kind, database, number, seed, rate, file };
        command.Hidden = true;
        command.SetAction((parse, _) => Worker.RunAsync(new Job(
            parse.GetRequiredValue(kind), parse.GetRequiredValue(database), parse.GetRequiredValue(number), parse.GetRequiredValue(seed),
            parse.GetRequiredValue(rate), parse.GetRequiredValue(file))));
        return command;
    }

    static void Say(string words) => Console.Error.WriteLine($"chaos: {words}");
}
