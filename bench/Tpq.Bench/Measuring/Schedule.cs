namespace Tpq.Bench.Measuring;

/// <summary>When messages are to be put, counted from the start.</summary>
sealed record Schedule(int Producers, IReadOnlyList<TimeSpan> Times)
{
    const int Seed = 17;

    /// <summary>One producer, with random pauses; the same for every system.</summary>
    public static Schedule Sparse(TimeSpan length, TimeSpan least, TimeSpan most)
    {
#pragma warning disable CA5394 // Nothing here is a secret.
        var random = new Random(Seed);
        var times = new List<TimeSpan>();
        for (TimeSpan time = TimeSpan.Zero; time < length; time += least + (most - least) * random.NextDouble())
            times.Add(time);
#pragma warning restore CA5394
        return new Schedule(1, times);
    }

    public static Schedule Steady(TimeSpan length, int perSecond, int producers) =>
        new(producers, [.. Enumerable.Range(0, (int)(length.TotalSeconds * perSecond)).Select(n => TimeSpan.FromSeconds((double)n / perSecond))]);
}
