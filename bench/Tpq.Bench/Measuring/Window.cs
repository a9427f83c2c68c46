namespace Tpq.Bench.Measuring;

/// <summary>How long a load runs before it is measured, and how long it is measured.</summary>
sealed record Window(TimeSpan Warmup, TimeSpan Length)
{
    public TimeSpan Total => Warmup + Length;
}
