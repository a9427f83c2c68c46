using System.Diagnostics;

namespace Tpq.Bench.Measuring;

/// <summary>Workers in this process that repeat one step, and how often they do it a second.</summary>
static class Load
{
    /// <summary>For a step in flight to end; longer means that it hangs.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <param name="workers">How many at the same time.</param>
    /// <param name="window">When to measure.</param>
    /// <param name="step">Returns how many messages it was about; 0 ends the load, because there are no more.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    public static async Task<double> RateAsync(int workers, Window window, Func<Task<long>> step, CancellationToken cancellationToken)
    {
        var tally = new Tally(workers);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task work = Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(() => RepeatAsync(worker), CancellationToken.None)));
        try
        {
            await Task.WhenAny(work, Task.Delay(window.Warmup, cancellationToken));
            (long count, long start) = (tally.Total, Stopwatch.GetTimestamp());
            await Task.WhenAny(work, Task.Delay(window.Length, cancellationToken));
            (count, TimeSpan elapsed) = (tally.Total - count, Stopwatch.GetElapsedTime(start));
            cancellationToken.ThrowIfCancellationRequested();
            if (work.IsFaulted)
                await work;
            return count / elapsed.TotalSeconds;
        }
        finally
        {
            await ended.CancelAsync();
            await work.WaitAsync(Patience, CancellationToken.None);
        }

        async Task RepeatAsync(int worker)
        {
            try
            {
                while (!ended.IsCancellationRequested)
                {
                    long count = await step();
                    if (count == 0)
                        return;
                    tally.Add(worker, count);
                }
            }
            catch
            {
                // The others would go on as if nothing had happened.
                await ended.CancelAsync();
                throw;
            }
        }
    }
}
