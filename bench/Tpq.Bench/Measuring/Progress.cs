namespace Tpq.Bench.Measuring;

/// <summary>How many messages had been handled at which time.</summary>
sealed class Progress
{
    readonly List<(TimeSpan Time, long Count)> _samples = [];
    TimeSpan? _first;

    /// <summary>Messages a second over all.</summary>
    public double Rate => RateBetween(_samples[0].Time, _samples[^1].Time);

    public TimeSpan Length => _samples[^1].Time - _samples[0].Time;

    public long Count => _samples[^1].Count - _samples[0].Count;

    public void Add(TimeSpan time, long count)
    {
        _samples.Add((time, count));
        if (count > 0)
            _first ??= time;
    }

    public bool IsWarm(Window window) => _first is { } first && _samples[^1].Time - first >= window.Warmup;

    public bool IsOver(Window window) => _first is { } first && _samples[^1].Time - first >= window.Total;

    /// <summary>The part that is measured.</summary>
    public Progress In(Window window)
    {
        var part = new Progress();
        TimeSpan begin = (_first ?? TimeSpan.Zero) + window.Warmup;
        part._samples.AddRange(_samples.Where(s => s.Time >= begin));
        return part;
    }

    /// <summary>Messages a second from one time to another, counted from the start of the measurement.</summary>
    public double RateOf(TimeSpan from, TimeSpan to) => RateBetween(_samples[0].Time + from, _samples[0].Time + to);

    /// <summary>Messages a second, second by second.</summary>
    public double[] BySecond() =>
        [.. Enumerable.Range(0, (int)(Length + TimeSpan.FromMilliseconds(100)).TotalSeconds)
            .Select(second => RateOf(TimeSpan.FromSeconds(second), TimeSpan.FromSeconds(second + 1)))];

    double RateBetween(TimeSpan from, TimeSpan to)
    {
        (TimeSpan fromTime, long fromCount) = Nearest(from);
        (TimeSpan toTime, long toCount) = Nearest(to);
        return toTime > fromTime ? (toCount - fromCount) / (toTime - fromTime).TotalSeconds : 0;
    }

    (TimeSpan Time, long Count) Nearest(TimeSpan time) => _samples.MinBy(sample => Math.Abs((sample.Time - time).Ticks));
}
