namespace Tpq.Internal.Overview;

/// <summary>What charts need of a queue at a moment.</summary>
readonly record struct RateSample(DateTimeOffset At, long Ready, long Puts, long Takes)
{
    /// <summary>Messages in and out in a second since then; null where no time has passed, or the statistics were reset, which begin at 0 again.</summary>
    public (double In, double Out)? Since(RateSample earlier)
    {
        double seconds = (At - earlier.At).TotalSeconds;
        if (seconds <= 0 || Puts < earlier.Puts || Takes < earlier.Takes)
            return null;
        return ((Puts - earlier.Puts) / seconds, (Takes - earlier.Takes) / seconds);
    }
}
