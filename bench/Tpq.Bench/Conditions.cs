using System.Globalization;
using Tpq.Bench.Measuring;

namespace Tpq.Bench;

/// <summary>How long and how often is measured, and how large the backlogs are.</summary>
sealed record Conditions(bool Quick, int Rounds, TimeSpan Length)
{
    public const int DefaultRounds = 3;
    public const int DefaultSeconds = 5;

    /// <summary>How many times as long as others batches are measured.</summary>
    public const int LongerForBatches = 3;

    /// <summary>How many times as long as others the work of a process of its own is warmed up.</summary>
    public const int LongerForProcesses = 2;

    public static Conditions Of(bool quick, int? rounds = null, double? seconds = null) => quick
        ? new Conditions(true, rounds ?? 1, TimeSpan.FromSeconds(seconds ?? 0.3))
        : new Conditions(false, rounds ?? DefaultRounds, TimeSpan.FromSeconds(seconds ?? DefaultSeconds));

    /// <summary>
    /// For throughput. The warm-up is as long as 32 consumers take to connect and to have their statements planned: the first message begins it, and pgbench, which is
    /// the floor, has connected before it begins to count.
    /// </summary>
    public Window Window => new(TimeSpan.FromSeconds(Quick ? 0.2 : 2), Length);

    /// <summary>For the throughput of consumers in a process of their own, which compiles in the first round what it runs.</summary>
    public Window WindowOfProcess => Window with { Warmup = Window.Warmup * LongerForProcesses };

    /// <summary>As the other, in batches: what many consumers have in hand at its begin and at its end has to be little beside what they finish in it.</summary>
    public Window WindowOfBatches => WindowOfProcess with { Length = Length * LongerForBatches };

    /// <summary>How long a runtime goes on compiling what it runs, on a machine of this size.</summary>
    public TimeSpan UntilCompiled => TimeSpan.FromSeconds(Quick ? 0.2 : 10);

    /// <summary>For what is shown second by second.</summary>
    public Window Long => new(UntilCompiled, Length * (Quick ? 5 : 12));

    /// <summary>For latency under sparse traffic.</summary>
    public TimeSpan Calm => Length * 4;

    /// <summary>For waiting: before it, those that look by the clock every ten seconds have done so once all have begun to wait, which a runtime compiles as well.</summary>
    public Window Waiting => new(TimeSpan.FromSeconds(Quick ? 2 : 16), Calm);

    public int BulkMessages => Quick ? 20_000 : 200_000;

    public int CountedMessages => Quick ? 300 : 5_000;

    /// <summary>How many producers, or consumers, work at once.</summary>
    public IReadOnlyList<int> Workers => Quick ? [1, 8] : [1, 8, 32];

    public IReadOnlyList<int> Backlogs => Quick ? [1_000, 100_000] : [1_000, 1_000_000, 10_000_000];

    public int Starts => Quick ? 3 : 20;

    public string Words => string.Create(CultureInfo.InvariantCulture,
        $"{Rounds} {(Rounds == 1 ? "round" : "rounds")}, {Length.TotalSeconds} s a measurement after {Window.Warmup.TotalSeconds} s of warm-up{(Quick ? ", quick" : "")}");
}
