using Tpq.Internal;

namespace Tpq.Cli;

/// <summary>Takes from the first of several queues that has something.</summary>
/// <param name="queues">In the order in which they are tried, each time.</param>
/// <param name="wait">How long to wait for something.</param>
sealed class Taker(IReadOnlyList<TpqQueue> queues, TimeSpan wait)
{
    /// <summary>Several queues are looked at in turn, this often: a wait for the first would not see the others.</summary>
    static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(250);

    bool _hasReachedDatabase;

    /// <param name="get">Takes from one queue, waiting so long.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Null where nothing came in time.</returns>
    public async Task<T?> TakeAsync<T>(Func<TpqQueue, TimeSpan, CancellationToken, Task<T?>> get, CancellationToken cancellationToken)
        where T : class
    {
        if (queues.Count == 1)
            return await get(queues[0], wait, cancellationToken);
        long start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            TimeSpan left = wait == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : wait - TimeProvider.System.GetElapsedTime(start);
            try
            {
                T? found = await LookAsync(get, cancellationToken);
                _hasReachedDatabase = true;
                if (found is not null || left <= TimeSpan.Zero)
                    return found;
            }
            catch (Exception e) when (_hasReachedDatabase && left > TimeSpan.Zero && Fault.IsConnectionLoss(e))
            {
                // As the library's wait for one queue: the server is back in a moment, and what was being taken is in its queue.
            }
            await Task.Delay(left < LookInterval ? left : LookInterval, cancellationToken);
        }
    }

    async Task<T?> LookAsync<T>(Func<TpqQueue, TimeSpan, CancellationToken, Task<T?>> get, CancellationToken cancellationToken)
        where T : class
    {
        foreach (TpqQueue queue in queues)
        {
            if (await get(queue, TimeSpan.Zero, cancellationToken) is { } found)
                return found;
        }
        return null;
    }
}
