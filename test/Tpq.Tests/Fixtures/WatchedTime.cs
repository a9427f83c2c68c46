using System.Collections.Concurrent;

namespace Tpq.Tests.Fixtures;

/// <summary>The system's time, which notes what its timers' callbacks throw: elsewhere that ends the process.</summary>
sealed class WatchedTime : TimeProvider
{
    public ConcurrentQueue<Exception> Thrown { get; } = [];

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => base.CreateTimer(state =>
    {
        try
        {
            callback(state);
        }
        catch (Exception e)
        {
            Thrown.Enqueue(e);
        }
    }, state, dueTime, period);
}
