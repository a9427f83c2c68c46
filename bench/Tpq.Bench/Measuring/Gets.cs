using System.Diagnostics;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Measuring;

/// <summary>Watches consumers at work on a backlog through the rows that they write.</summary>
/// <param name="system">Whose consumers.</param>
/// <param name="workAsync">How they work, where it is not <see cref="QueueSystem.WorkAsync"/>.</param>
sealed class Gets(QueueSystem system, Func<int, Handler, CancellationToken, Task>? workAsync = null)
{
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <summary>For systems that poll with a pause that grows.</summary>
    static readonly TimeSpan FirstMessage = TimeSpan.FromSeconds(30);

    /// <param name="consumers">How many at the same time.</param>
    /// <param name="window">When to measure. The warm-up begins with the first message.</param>
    /// <param name="backlog">How many messages there are; that they run out is an error.</param>
    /// <param name="level">Whether the backlog is kept at its size.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    public Task<Progress> WatchAsync(int consumers, Window window, long backlog, bool level, CancellationToken cancellationToken) =>
        WatchAsync(consumers, window, backlog, level, whenWarm: null, cancellationToken);

    /// <param name="consumers">As the other's.</param>
    /// <param name="window">As the other's.</param>
    /// <param name="backlog">As the other's.</param>
    /// <param name="level">As the other's.</param>
    /// <param name="whenWarm">Done once, when the measurement begins; null for nothing.</param>
    /// <param name="cancellationToken">As the other's.</param>
    public async Task<Progress> WatchAsync(
        int consumers, Window window, long backlog, bool level, Func<Task>? whenWarm, CancellationToken cancellationToken)
    {
        await using var consumption = new Consumption(
            stop => (workAsync ?? system.WorkAsync)(consumers, system.NewHandler(Work.WriteRow), stop), cancellationToken);
        long start = Stopwatch.GetTimestamp();
        long filled = backlog;
        var progress = new Progress();
        while (true)
        {
            long count = await system.Ledger.CountAsync(cancellationToken);
            TimeSpan now = Stopwatch.GetElapsedTime(start);
            progress.Add(now, count);
            await consumption.ThrowIfEndedAsync();
            if (whenWarm is not null && progress.IsWarm(window))
            {
                await whenWarm();
                whenWarm = null;
            }
            if (count == 0 && now > FirstMessage)
                throw new TimeoutException($"no message was handled within {FirstMessage.TotalSeconds:0} s");
            if (level && count > filled - backlog)
            {
                await system.FillAsync(count - (filled - backlog), cancellationToken);
                filled = count + backlog;
            }
            if (progress.IsOver(window))
                return progress.In(window);
            if (count >= filled)
                throw new InvalidOperationException("The backlog was gone before the measurement ended: it has to be larger.");
            await Task.Delay(Interval, cancellationToken);
        }
    }
}
