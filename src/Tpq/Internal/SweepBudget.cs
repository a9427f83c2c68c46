namespace Tpq.Internal;

/// <summary>
/// When a look from the front, which pays for every dead entry of an index, is due again: when 50 times as long has passed as the last one took, at
/// least 100 ms and at most 30 s. So it takes about 2 % of the time, until the cap.
/// </summary>
sealed class SweepBudget(TimeProvider time)
{
    const int Share = 50;

    static readonly TimeSpan ShortestInterval = TimeSpan.FromMilliseconds(100), LongestInterval = TimeSpan.FromSeconds(30);

    long? _lastEnd;

    public TimeSpan LastTook { get; private set; }

    public bool IsDue => DueIn <= TimeSpan.Zero;

    public TimeSpan DueIn
    {
        get
        {
            if (_lastEnd is not { } end)
                return TimeSpan.Zero;
            TimeSpan interval = LastTook * Share;
            return (interval < ShortestInterval ? ShortestInterval : interval > LongestInterval ? LongestInterval : interval) - time.GetElapsedTime(end);
        }
    }

    public void Ended(TimeSpan took) => (LastTook, _lastEnd) = (took, time.GetTimestamp());
}
