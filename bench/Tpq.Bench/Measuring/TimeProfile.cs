using System.Diagnostics;
using Npgsql;
using Tpq.Bench.Systems;

namespace Tpq.Bench.Measuring;

/// <summary>Where the time of a load went: who used the processors, and what the system's sessions waited for.</summary>
/// <param name="Length">How long it was watched.</param>
/// <param name="Used">The processors' time in that.</param>
/// <param name="Sessions">What the sessions were about.</param>
sealed record TimeProfile(TimeSpan Length, ProcessorTime Used, SessionStates Sessions)
{
    /// <summary>Watches what goes on for a while.</summary>
    public static async Task<TimeProfile> TakeAsync(QueueSystem system, TimeSpan length, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection onlooker = await system.Database.ConnectAsync(cancellationToken);
        (ProcessorTime before, long began) = (ProcessorTime.Now(onlooker.ProcessID), Stopwatch.GetTimestamp());
        var sessions = new SessionStates();
        await sessions.WatchAsync(system, length, cancellationToken);
        return new TimeProfile(Stopwatch.GetElapsedTime(began), ProcessorTime.Now(onlooker.ProcessID) - before, sessions);
    }

    /// <summary>Watches consumers that write a row for each message, and how many messages a second they handle.</summary>
    public static async Task<(double Rate, TimeProfile Profile)> OfGetsAsync(
        QueueSystem system, Window window, Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        await using var consumption = new Consumption(work, cancellationToken);
        await consumption.StartedAsync(() => system.Ledger.CountAsync(cancellationToken), cancellationToken);
        await Task.Delay(window.Warmup, cancellationToken);
        long before = await system.Ledger.CountAsync(cancellationToken);
        TimeProfile profile = await TakeAsync(system, window.Length, cancellationToken);
        long count = await system.Ledger.CountAsync(cancellationToken) - before;
        await consumption.ThrowIfEndedAsync();
        return (count / profile.Length.TotalSeconds, profile);
    }
}
