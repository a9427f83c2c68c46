namespace Tpq.Chaos.Tests;

public sealed class ReportTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("tpq-test-").FullName;

    [Fact]
    public void RecordedRounds_AddUp_InThePage()
    {
        string record = Path.Combine(_folder, "rounds.jsonl"), page = Path.Combine(_folder, "page.md");
        Round(Standby.None, lost: 0, ("cut", [10, 30])).AppendTo(record);
        Round(Standby.None, lost: 0, ("cut", [20])).AppendTo(record);
        Round(Standby.Asynchronous, lost: 7, ("failover", [1000])).AppendTo(record);
        File.WriteAllText(page, "before\n<!-- rounds -->\nold\n<!-- end of rounds -->\nafter\n");
        new Report([.. RoundResult.ReadAll(record)]).WriteInto(page);
        new Report([.. RoundResult.ReadAll(record)]).WriteInto(page);
        Assert.Equal(
            """
            before
            <!-- rounds -->

            | | rounds | messages put | acknowledged | handled | dead letters | lost | twice | never put | out of order | stuck |
            |---|---|---|---|---|---|---|---|---|---|---|
            | PostgreSQL 15.18, no standby | 2 | 2,000 | 1,980 | 1,960 | 20 | 0 | 0 | 0 | 0 | 2 |
            | PostgreSQL 15.18, asynchronous standby | 1 | 1,000 | 990 | 980 | 10 | 7 | 0 | 0 | 0 | 1 |

            | fault | struck | recovery p50, ms | p99 | longest |
            |---|---|---|---|---|
            | cut | 3 | 20 | 30 | 30 |
            | failover, asynchronous standby | 1 | 1,000 | 1,000 | 1,000 |

            <!-- end of rounds -->
            after

            """, File.ReadAllText(page));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    static RoundResult Round(Standby standby, int lost, params (string Kind, List<int> Times)[] recoveries) => new(
        Seed: 1, Ended: DateTimeOffset.UnixEpoch, Server: "15.18", standby, Seconds: 60,
        new Books(Put: 1000, Acknowledged: 990, Handled: 980, Dead: 10, lost, Twice: 0, Unexpected: 0, OutOfOrder: 0),
        Stuck: 1, Processes: 9, GaveUp: 0, recoveries.ToDictionary(static r => r.Kind, static r => r.Times), Problems: ["stuck"]);
}
