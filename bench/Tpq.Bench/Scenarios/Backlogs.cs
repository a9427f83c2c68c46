using Tpq.Bench.Measuring;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Scenarios;

static class Backlogs
{
    /// <summary>Leaves a new queue with enough messages for a measurement, and returns how many.</summary>
    /// <param name="system">Whose.</param>
    /// <param name="window">For how long they are to last.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <param name="dropped">How many more there are to be, which are dropped before it.</param>
    public static async Task<long> FillAsync(QueueSystem system, Window window, CancellationToken cancellationToken, int dropped = 0)
    {
        long count = Count(window, system.MostPerSecond);
        await FillAsync(system, count + dropped, cancellationToken);
        return count;
    }

    /// <summary>As the other, where a consumer takes one message after the other.</summary>
    public static async Task<long> FillForSingleGetsAsync(QueueSystem system, Window window, CancellationToken cancellationToken)
    {
        long count = Count(window, system.MostPerSecond);
        await FillForSingleGetsAsync(system, count, cancellationToken);
        return count;
    }

    /// <summary>As the other, with so many messages.</summary>
    public static Task FillForSingleGetsAsync(QueueSystem system, long count, CancellationToken cancellationToken) =>
        system.TakesSingly ? FillAsync(system, count, cancellationToken) : throw new NotPossibleException($"{system.Name} gives out whole batches only");

    /// <summary>As the first, where a message and its row are handled together with others.</summary>
    public static async Task<long> FillForBatchesAsync(QueueSystem system, Window window, CancellationToken cancellationToken)
    {
        if (!system.WorksInBatches)
            throw new NotPossibleException($"{system.Name} does not handle messages in batches");
        long count = Count(window, system.MostRowsInBatches);
        await FillAsync(system, () => system.FillForBatchesAsync(count, QueueSystem.BatchSize, cancellationToken), cancellationToken);
        return count;
    }

    /// <summary>As the other, for gets of so many messages with which nothing is done.</summary>
    public static Task FillForGetsAsync(QueueSystem system, Window window, int batch, CancellationToken cancellationToken) =>
        FillAsync(system, () => system.FillForBatchesAsync(Count(window, system.MostInBatches(batch)), batch, cancellationToken), cancellationToken);

    public static Task FillAsync(QueueSystem system, long count, CancellationToken cancellationToken) =>
        FillAsync(system, () => system.FillAsync(count, cancellationToken), cancellationToken);

    static async Task FillAsync(QueueSystem system, Func<Task> fillAsync, CancellationToken cancellationToken)
    {
        await system.RenewAsync(cancellationToken);
        await fillAsync();
        await system.Database.SettleAsync(cancellationToken);
    }

    static long Count(Window window, int perSecond) => (long)((window.Total.TotalSeconds + 1) * perSecond);
}
