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
}
