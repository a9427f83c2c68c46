namespace Tpq.Tests.Fixtures;

/// <summary>The clock, and whatever it is put forward.</summary>
sealed class ForwardedTime : TimeProvider
{
    long _ahead;

    public override long GetTimestamp() => base.GetTimestamp() + Interlocked.Read(ref _ahead);

    public void Forward(TimeSpan time) => Interlocked.Add(ref _ahead, (long)(time.TotalSeconds * TimestampFrequency));
}
