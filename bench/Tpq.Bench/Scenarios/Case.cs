using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

/// <summary>One setting of a scenario, such as the number of producers.</summary>
/// <param name="Name">For the progress line.</param>
/// <param name="Measures">Which values it yields.</param>
/// <param name="MeasureAsync">Measures one system.</param>
sealed record Case(string Name, IReadOnlyList<string> Measures, Func<QueueSystem, CancellationToken, Task<IReadOnlyList<Value>>> MeasureAsync)
{
    /// <summary>Whether the system's database is this case's alone, from its first round to the end of the scenario.</summary>
    public bool Kept { get; init; }

    /// <summary>Whether the system is started for this measurement, without a rehearsal, and stopped after it.</summary>
    public bool Fresh { get; init; }

    /// <summary>
    /// Whether it is done once, unrecorded, before its first round: where it is work that the <see cref="Rehearsal"/> does not do. A runtime goes on compiling what is new to it for
    /// some ten seconds of work.
    /// </summary>
    public bool Rehearsed { get; init; }

    /// <summary>A case with one value.</summary>
    public static Case Of(string name, Func<QueueSystem, CancellationToken, Task<double>> measureAsync) => new(name, [name],
        async (system, cancellationToken) => [new Value(name, await measureAsync(system, cancellationToken))]);
}
