namespace Tpq.Tests.Fixtures;

/// <summary>A clock by which no time passes, so that no sweep is due by it.</summary>
sealed class StoppedTime : TimeProvider
{
    public override long GetTimestamp() => 0;
}
