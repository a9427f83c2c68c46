using System.Collections.Concurrent;

namespace Tpq.Tests.Fixtures;

/// <summary>A clock whose timers ring for nobody until they are released.</summary>
sealed class HeldTimers : TimeProvider
{
    readonly ConcurrentQueue<ITimer> _held = new();

    public bool AnyHeld => !_held.IsEmpty;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ITimer timer = base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, period);
        _held.Enqueue(timer);
        return timer;
    }

    /// <summary>Those that there are ring at once.</summary>
    public void Release()
    {
        while (_held.TryDequeue(out ITimer? timer))
            timer.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }
}
