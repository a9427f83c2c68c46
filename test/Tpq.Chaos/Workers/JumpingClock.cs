namespace Tpq.Chaos.Workers;

/// <summary>A computer's clock that is set anew each time that it is read, by up to a day. What measures time goes on.</summary>
sealed class JumpingClock(int seed) : TimeProvider
{
    readonly Random _random = new(seed);

    public override DateTimeOffset GetUtcNow()
    {
        lock (_random)
            return base.GetUtcNow() + TimeSpan.FromDays((_random.NextDouble() * 2) - 1);
    }
}
