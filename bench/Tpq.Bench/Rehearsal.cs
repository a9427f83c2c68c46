using Tpq.Bench.Measuring;
using Tpq.Bench.Scenarios;
using Tpq.Bench.Systems;

namespace Tpq.Bench;

/// <summary>The untimed start of every system: pools are filled, statements prepared, code compiled.</summary>
sealed class Rehearsal(QueueSystem system, Conditions conditions)
{
    const int Workers = 8;

    /// <summary>So many warm-ups: a runtime goes on compiling what it has seen to be in use for some seconds.</summary>
    const int Warmups = 4;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Window window = conditions.Window with { Length = conditions.Window.Warmup * (Warmups - 1) };
        await TryAsync(() => system.PutAsync(Workers, window, cancellationToken));
        await TryAsync(async () =>
        {
            long backlog = await Backlogs.FillAsync(system, window, cancellationToken);
            await new Gets(system).WatchAsync(Workers, window, backlog, level: false, cancellationToken);
        });
    }

    /// <summary>What it cannot do, its measurements will say.</summary>
    static async Task TryAsync(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (NotPossibleException)
        {
            // As above.
        }
    }
}
