namespace Tpq.Bench.Measuring;

/// <summary>Workers in this process that repeat one step, and how often they do it a second.</summary>
static class Load
{
    /// <summary>For a step in flight to end; longer means that it hangs.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Long beside what one message takes, short beside what disturbs a machine.</summary>
    static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(100);

    /// <summary>Before each turn: what is begun with and not gone on with is no part of it.</summary>
    static readonly TimeSpan Start = TimeSpan.FromMilliseconds(20);

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
            cancellationToken.ThrowIfCancellationRequested();
            if (work.IsCompletedSuccessfully)
                throw new InvalidOperationException("The backlog was gone before the measurement began: it has to be larger.");
            Func<Slice> end = Slice.Begin(() => tally.Total);
            await Task.WhenAny(work, Task.Delay(window.Length, cancellationToken));
            // The rate would have the look for the end of the queue in it.
            if (work.IsCompletedSuccessfully)
                throw new InvalidOperationException("The backlog was gone before the measurement ended: it has to be larger.");
            rate = end().Rate;
        }, cancellationToken);
        return rate;
    }

    /// <summary>Variants of some work take turns: what disturbs the machine for a while disturbs all of them.</summary>
    /// <param name="window">When to measure; the warm-up and the length are each variant's.</param>
    /// <param name="count">How many messages there were, of all variants together.</param>
    /// <param name="variants">Each works until it is stopped.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <returns>The slices of each variant.</returns>
    public static async Task<IReadOnlyList<Slice>[]> TakeTurnsAsync(
        Window window, Func<long> count, IReadOnlyList<Func<CancellationToken, Task>> variants, CancellationToken cancellationToken)
    {
        List<Slice>[] slices = [.. variants.Select(static _ => new List<Slice>())];
        int[] order = [.. Enumerable.Range(0, variants.Count)];
        for (int turn = 0; turn < window.Total / Turn; turn++)
        {
            // Else one would always pay for what the same other one has left behind.
            Random.Shared.Shuffle(order);
            foreach (int variant in order)
            {
                await using var work = new Consumption(variants[variant], cancellationToken);
                await Task.Delay(Start, cancellationToken);
                Func<Slice> end = Slice.Begin(count);
                await Task.Delay(Turn, cancellationToken);
                Slice slice = end();
                await work.ThrowIfEndedAsync();
                if (turn >= window.Warmup / Turn)
                    slices[variant].Add(slice);
            }
        }
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
