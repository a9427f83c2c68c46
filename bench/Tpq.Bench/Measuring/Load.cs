namespace Tpq.Bench.Measuring;

/// <summary>Workers in this process that repeat one step, and how often they do it a second.</summary>
static class Load
{
    /// <summary>For a step in flight to end; longer means that it hangs.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Long beside what one message takes, short beside what disturbs a machine.</summary>
    static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(100);

    /// <param name="workers">How many at the same time.</param>
    /// <param name="window">When to measure.</param>
    /// <param name="step">Returns how many messages it was about; 0 ends the load, because there are no more.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    public static async Task<double> RateAsync(int workers, Window window, Func<Task<long>> step, CancellationToken cancellationToken)
    {
        double rate = 0;
        await RunAsync(workers, step, async (work, tally) =>
        {
            await Task.WhenAny(work, Task.Delay(window.Warmup, cancellationToken));
            if (work.IsCompletedSuccessfully)
                throw new InvalidOperationException("The backlog was gone before the measurement began: it has to be larger.");
            Func<Slice> end = Slice.Begin(tally);
            await Task.WhenAny(work, Task.Delay(window.Length, cancellationToken));
            rate = end().Rate;
        }, cancellationToken);
        return rate;
    }

    /// <summary>As <see cref="RateAsync"/>, while variants of something take turns: what disturbs the machine for a while disturbs all of them.</summary>
    /// <param name="workers">How many at the same time.</param>
    /// <param name="window">When to measure; the length is each variant's.</param>
    /// <param name="step">Returns how many messages it was about.</param>
    /// <param name="variants">Each begins something that ends when it is disposed.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <returns>The slices of each variant.</returns>
    public static async Task<IReadOnlyList<Slice>[]> TakeTurnsAsync(
        int workers, Window window, Func<Task<long>> step, IReadOnlyList<Func<IDisposable?>> variants, CancellationToken cancellationToken)
    {
        List<Slice>[] slices = [.. variants.Select(static _ => new List<Slice>())];
        await RunAsync(workers, step, async (work, tally) =>
        {
            await Task.WhenAny(work, Task.Delay(window.Warmup, cancellationToken));
            for (int turn = 0; turn < window.Length / Turn * variants.Count && !work.IsCompleted; turn++)
            {
                // Each comes first, second and last in its time.
                int variant = (turn + turn / variants.Count) % variants.Count;
                using (variants[variant]())
                {
                    Func<Slice> end = Slice.Begin(tally);
                    await Task.WhenAny(work, Task.Delay(Turn, cancellationToken));
                    slices[variant].Add(end());
                }
            }
        }, cancellationToken);
        return slices;
    }

    static async Task RunAsync(int workers, Func<Task<long>> step, Func<Task, Tally, Task> measureAsync, CancellationToken cancellationToken)
    {
        var tally = new Tally(workers);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task work = Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(() => RepeatAsync(worker), CancellationToken.None)));
        try
        {
            await measureAsync(work, tally);
            cancellationToken.ThrowIfCancellationRequested();
            if (work.IsFaulted)
                await work;
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
