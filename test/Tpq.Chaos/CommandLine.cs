using System.CommandLine;
using System.Diagnostics;
using Tpq.Chaos.Faults;
using Tpq.Chaos.Workers;
using Tpq.Tests.Fixtures;

namespace Tpq.Chaos;

/// <summary>The words of the command.</summary>
static class CommandLine
{
    /// <summary>For the program's own processes alone.</summary>
    public const string WorkerVerb = "worker";

    static readonly Option<int?> Seed = new("--seed") { Description = "Repeats what is chance. Default: a new one, which is said.", HelpName = "number" };

    static readonly Option<int> Rounds = Number("--rounds", 1, "How often: at work, at peace, the books.");

    static readonly Option<int> Seconds = Number("--seconds", 60, "How long faults strike in a round.");

    static readonly Option<int> Gap = Number("--gap", 400, "Milliseconds between two cheap faults, on average.");

    static readonly Option<int> Rate = Number("--rate", 100, "Messages a second that each producer puts one by one, or a few together.");

    static readonly Option<int> RateOfMany = Number("--rate-many", 2000, "Messages a second that one producer puts by the hundreds. It waits while many are not handled yet.");

    static readonly Option<int> Batches = Number("--batches", 1, "How many consumers take batches of a hundred: the more, the more messages a second.");

    static readonly Option<Standby> WithStandby = new("--standby")
    {
        Description = "Whether the server has a standby, for failovers: none, synchronous or asynchronous.",
        HelpName = "kind",
    };

    static readonly Option<string?> Kinds = new("--kinds")
    {
        Description = $"Only these kinds, separated by commas; cheap, costly, lasting or all. {string.Join(',', Fault.All.Select(static f => f.Name))}. Default: all.",
        HelpName = "names",
    };

    static readonly Option<string?> Record = new("--record") { Description = "Adds a line of JSON for each round to this file.", HelpName = "file" };

    /// <summary>For the server to stop and its folder to be removed.</summary>
    static readonly InvocationConfiguration Invocation = new() { ProcessTerminationTimeout = TimeSpan.FromSeconds(60) };

    public static Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand(
            "Breaks whatever can break around a queue, and sees whether the books balance. For example: dotnet run --project test/Tpq.Chaos -- --kinds=kill-consumer,cut-at-commit --seconds=30")
        {
            Seed, Rounds, Seconds, Gap, Rate, RateOfMany, Batches, WithStandby, Kinds, Record,
        };
        root.Subcommands.Add(ReportCommand());
        root.Subcommands.Add(WorkerCommand());
        root.SetAction(RunAsync);
        return root.Parse(args).InvokeAsync(Invocation);
    }

    static async Task<int> RunAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        Fault[] faults = Chosen(parse.GetValue(Kinds) ?? "all");
        if (faults.Length == 0)
        {
            await Console.Error.WriteLineAsync($"chaos: there is no fault of this name: {string.Join(", ", Fault.All.Select(static f => f.Name))}; cheap, costly, lasting, all.");
            return 2;
        }
        int seed = parse.GetValue(Seed) ?? Random.Shared.Next(), rounds = parse.GetValue(Rounds);
        Say($"seed {seed}");
        var plan = new Plan(
            TimeSpan.FromSeconds(parse.GetValue(Seconds)), TimeSpan.FromMilliseconds(parse.GetValue(Gap)), parse.GetValue(Rate), parse.GetValue(RateOfMany), parse.GetValue(Batches));
        var results = new List<RoundResult>();
        try
        {
            await using World world = await CreateWorldAsync(parse.GetValue(WithStandby), faults, cancellationToken);
            faults = [.. faults.Where(fault => fault.IsPossible?.Invoke(world) != false)];
            for (int i = 0; i < rounds; i++)
            {
                long began = Stopwatch.GetTimestamp();
                RoundResult result = await new Round(world, faults, plan, seed + i, Say).RunAsync(cancellationToken);
                results.Add(result);
                if (parse.GetValue(Record) is { } file)
                    result.AppendTo(file);
                Say($"round {i + 1} of {rounds}, {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s, seed {seed + i}: {result.Books.Put} put, {result.Books.Handled} handled, {result.Books.Dead} dead, "
                    + $"{result.Recoveries.Sum(static r => r.Value.Count)} faults; {(result.Problems.Count == 0 ? "the books balance" : string.Join("; ", result.Problems))}");
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Say("Stopped.");
        }
        Console.Write(new Report(results));
        return results.TrueForAll(static r => r.Problems.Count == 0) ? 0 : 1;
    }

    /// <summary>With what the faults need, where this machine has it.</summary>
    static Task<World> CreateWorldAsync(Standby standby, Fault[] faults, CancellationToken cancellationToken)
    {
        return World.CreateAsync(standby, Needs(DiskFaults.Full, SmallDisk.IsPossible), Needs(PoolerFaults.Restart, PgBouncerPackage.IsPossible), cancellationToken);

        bool Needs(Fault fault, bool isPossible)
        {
            if (standby != Standby.None || !faults.Contains(fault))
                return false;
            if (!isPossible)
                Say($"{fault.Name} is left out: this machine lacks what it takes.");
            return isPossible;
        }
    }

    static Fault[] Chosen(string kinds)
    {
        string[] names = kinds.Split(',');
        return [.. Fault.All.Where(f => names.Contains(f.Name) || names.Contains("all") || names.Contains(f.Class.ToString(), StringComparer.OrdinalIgnoreCase))];
    }

    static Option<int> Number(string name, int otherwise, string description) =>
        new(name) { Description = description, HelpName = "number", DefaultValueFactory = _ => otherwise };

    static Command ReportCommand()
    {
        Argument<string> record = new("record") { Description = "The file that --record wrote." }, page = new("page") { Description = "Where the tables go, between their marks." };
        var command = new Command("report", "Writes the tables of all recorded rounds into a page.") { record, page };
        command.SetAction(parse => new Report([.. RoundResult.ReadAll(parse.GetRequiredValue(record))]).WriteInto(parse.GetRequiredValue(page)));
        return command;
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
