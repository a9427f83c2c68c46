using System.Globalization;
using Tpq.Bench.Commands;
using Tpq.Bench.Floor;
using Tpq.Bench.Measuring;
using Tpq.Bench.Report;

namespace Tpq.Bench.Scenarios;

sealed class Starts(Conditions conditions) : Scenario(conditions)
{
    const string Time = "milliseconds";
    const string Memory = "MiB";
    const string Psql = "psql";
    const string Queue = "starts";

    public override char Letter => 'j';

    public override string Title => "One command, from start to end";

    public override string Text =>
        $"`tpq produce` of one message and `tpq consume` of one, against `psql -c 'select 1'` on the same connection: wall clock and peak memory "
        + $"(maximum resident set size), {Conditions.Starts} runs of each in turn.";

    public override IReadOnlyList<Table> Tables { get; } =
        [new("Wall clock in milliseconds and peak memory in MiB", [Column.Of(Time), Column.Of(Memory)], Psql)];

    public override IReadOnlyList<Chart> Charts { get; } =
        [new("start-time", "One command: wall clock", "milliseconds", [Time]), new("start-memory", "One command: peak memory", "MiB", [Memory])];

    public override async Task RunAsync(ScenarioRun run, CancellationToken cancellationToken)
    {
        await using Database database = await run.Server.CreateDatabaseAsync(Queue, cancellationToken);
        TpqCommand tpq = TpqCommand.Find(run.TpqPath);
        var psql = new PostgresProgram(Psql, run.Server.BinDirectory, database);
        await using (var client = new TpqClient(database.ConnectionString(Queue).ConnectionString))
            await client.Queue(Queue).CreateAsync(cancellationToken: cancellationToken);

        (string Name, Func<Finished> Run)[] commands =
        [
            (Psql, () => MeasuredProcess.Run(psql.Start(["--no-psqlrc", "--command", "select 1"]))),
            ($"tpq produce ({tpq.Kind})", () => MeasuredProcess.Run(tpq.Start(database.Url, "produce", Queue), Payload.Plain)),
            ($"tpq consume ({tpq.Kind})", () => MeasuredProcess.Run(tpq.Start(database.Url, "consume", Queue))),
        ];
        run.Expect(commands.Length * Conditions.Starts);
        // Once untimed: what is read from disk is read by then.
        foreach (int round in Enumerable.Range(-1, Conditions.Starts + 1))
            foreach ((string name, Func<Finished> start) in commands)
                Measure(run, name, start, round, cancellationToken);
    }

    static void Measure(ScenarioRun run, string name, Func<Finished> start, int round, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        run.Begin(string.Create(CultureInfo.InvariantCulture, $"{name}, {round + 1}"));
        try
        {
            Finished finished = start();
            if (round >= 0)
            {
                run.Record(new Value(Time, finished.Elapsed.TotalMilliseconds), name, round);
                run.Record(new Value(Memory, finished.PeakMemory / (double)(1 << 20)), name, round);
            }
        }
        catch (NotPossibleException e)
        {
            run.Miss([Time, Memory], name, e.Message, failed: false);
        }
        catch (InvalidOperationException e)
        {
            run.Miss([Time, Memory], name, e.Message, failed: true);
        }
        if (round >= 0)
            run.End();
    }
}
