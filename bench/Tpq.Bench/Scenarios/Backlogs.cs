using Tpq.Bench.Measuring;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

static class Backlogs
{
    /// <summary>As <see cref="QueueSystem.MostInBatches"/>, with a row written for each message.</summary>
    const int MostRowsInBatches = 40_000;

    /// <summary>Leaves a new queue with enough messages for a measurement, and returns how many.</summary>
    public static Task<long> FillAsync(QueueSystem system, Window window, CancellationToken cancellationToken) =>
        FillAsync(system, window, system.MostPerSecond, cancellationToken);

    /// <summary>As the other, where a message and its row are handled together with others.</summary>
    public static Task<long> FillForBatchesAsync(QueueSystem system, Window window, CancellationToken cancellationToken) =>
        system.WorksInBatches
            ? FillAsync(system, window, MostRowsInBatches, cancellationToken)
            : throw new NotPossibleException($"{system.Name} does not handle messages in batches");

    public static async Task<long> FillAsync(QueueSystem system, Window window, int perSecond, CancellationToken cancellationToken)
    {
        long count = (long)((window.Total.TotalSeconds + 1) * perSecond);
        await FillAsync(system, count, cancellationToken);
        return count;
    }

    public static async Task FillAsync(QueueSystem system, long count, CancellationToken cancellationToken)
    {
        await system.RenewAsync(cancellationToken);
        await system.FillAsync(count, cancellationToken);
        await system.Database.SettleAsync(cancellationToken);
    }
}
