using Tpq.Bench.Floor;
using Tpq.Bench.Measuring;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

/// <summary>A scenario that goes through its cases with every system, round after round.</summary>
abstract class SystemScenario(Conditions conditions) : Scenario(conditions)
{
    /// <summary>A system that hangs must not hold the run up for ever.</summary>
    static readonly TimeSpan MostForOne = TimeSpan.FromMinutes(10);

    static readonly TimeSpan Grace = TimeSpan.FromSeconds(60);

    static readonly string[] Neighbours = [FloorSystem.SystemName, TpqSystem.SystemName, TextbookSystem.SystemName];

    protected abstract IReadOnlyList<Case> Cases { get; }

    public override async Task RunAsync(ScenarioRun run, CancellationToken cancellationToken)
    {
        IReadOnlyList<Case> cases = Cases;
        run.Expect(Conditions.Rounds * cases.Count * run.Subjects.Names.Count);
        foreach (string name in Catalog.Names.Except(run.Subjects.Names))
            run.Miss([.. cases.SelectMany(each => each.Measures)], name, "left out of this run", failed: false);
        for (int round = 0; round < Conditions.Rounds; round++)
            foreach (Case each in cases)
                foreach (string name in OrderedWithNeighbours(run.Subjects.Names, round))
                    await MeasureAsync(run, each, name, round, cancellationToken);
    }

    /// <summary>Cases that differ in nothing but a number: who has rehearsed one knows them all.</summary>
    protected static IEnumerable<Case> WithRehearsal(IEnumerable<Case> alike) => alike.Select(static (each, n) => each with { Rehearsed = n == 0 });

    /// <summary>The speed of a machine that others use too changes within minutes, so those that are put in relation to each other take their turns one after the other.</summary>
    static IEnumerable<string> OrderedWithNeighbours(IReadOnlyList<string> names, int round) =>
        Ordered([.. names.GroupBy(static name => Neighbours.Contains(name) ? "" : name)], round).SelectMany(group => Ordered([.. group], round));

    static async Task MeasureAsync(ScenarioRun run, Case each, string name, int round, CancellationToken cancellationToken)
    {
        run.Begin($"{each.Name}, {name}, round {round + 1}");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(MostForOne);
        string key = each.Kept || each.Fresh ? each.Name : "";
        try
        {
            QueueSystem system = await run.Subjects.GetAsync(name, key, rehearse: !each.Fresh, limit.Token);
            if (each.Rehearsed && round == 0)
                await MeasureAsync(each, system, limit.Token);
            IReadOnlyList<Value> values = await MeasureAsync(each, system, limit.Token);
            foreach (Value value in values)
                run.Record(value, name, round);
            if (each.Fresh)
                await run.Subjects.EndAsync(name, key);
        }
        catch (NotPossibleException e)
        {
            run.Miss(each.Measures, name, e.Message, failed: false);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            string reason = e is OperationCanceledException && limit.IsCancellationRequested ? $"took longer than {MostForOne.TotalMinutes:0} minutes" : e.Message;
            run.Miss(each.Measures, name, reason, failed: true);
            // Whatever state it is in: the next measurement begins with a new one.
            await run.Subjects.EndAsync(name, key);
        }
        finally
        {
            run.End();
        }
    }

    /// <summary>In a task of its own: a system that blocks its caller must not block this loop.</summary>
    static Task<IReadOnlyList<Value>> MeasureAsync(Case each, QueueSystem system, CancellationToken cancellationToken) =>
        Task.Run(() => each.MeasureAsync(system, cancellationToken), CancellationToken.None).WaitAsync(MostForOne + Grace, CancellationToken.None);
}
