namespace Tpq.Tests.Fixtures;

/// <summary>The clock, and whatever it is put forward.</summary>
sealed class ShiftedTime : TimeProvider
{
    long _shift;

    public override long GetTimestamp() => base.GetTimestamp() + Interlocked.Read(ref _shift);

    public void Shift(TimeSpan time) => Interlocked.Add(ref _shift, (long)(time.TotalSeconds * TimestampFrequency));
}
