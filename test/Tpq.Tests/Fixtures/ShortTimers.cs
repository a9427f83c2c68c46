namespace Tpq.Tests.Fixtures;

/// <summary>A clock whose timers of a second and more never ring: what happens happens by the short ones.</summary>
sealed class ShortTimers : TimeProvider
{
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new Timer(base.CreateTimer(callback, state, Short(dueTime), period));

    static TimeSpan Short(TimeSpan dueTime) => dueTime < TimeSpan.FromSeconds(1) ? dueTime : Timeout.InfiniteTimeSpan;

    sealed class Timer(ITimer timer) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(Short(dueTime), period);

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
