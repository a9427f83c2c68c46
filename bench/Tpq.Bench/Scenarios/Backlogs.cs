using Tpq.Bench.Measuring;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

static class Backlogs
{
    /// <summary>Leaves a new queue with enough messages for a measurement, and returns how many.</summary>
    public static async Task<long> FillAsync(QueueSystem system, Window window, CancellationToken cancellationToken)
    {
        long count = (long)((window.Total.TotalSeconds + 1) * system.MostPerSecond);
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
