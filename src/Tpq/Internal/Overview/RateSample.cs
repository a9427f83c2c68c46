namespace Tpq.Internal.Overview;

/// <summary>What charts need of a queue at a moment.</summary>
readonly record struct RateSample(DateTimeOffset At, long Ready, long Puts, long Takes)
{
    /// <summary>
    /// Messages in and out in a second since then; null where no time has passed, or the statistics were reset, which begin at 0 again, or had not begun: the first
    /// figure of a new queue has the filler in it.
    /// </summary>
    public (double In, double Out)? Since(RateSample earlier)
    {
        double seconds = (At - earlier.At).TotalSeconds;
        bool isFirstFigure = earlier.Puts == 0 && Puts > 0;
        if (seconds <= 0 || Puts < earlier.Puts || Takes < earlier.Takes || isFirstFigure)
            return null;
        return ((Puts - earlier.Puts) / seconds, (Takes - earlier.Takes) / seconds);
    }
}
