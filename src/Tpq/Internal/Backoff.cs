namespace Tpq.Internal;

/// <summary>How long a message that failed is left alone: twice as long each time, with chance in it so that many do not come back at once.</summary>
/// <remarks>
/// Half of the time is fixed and half is chance ("equal jitter": M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015). The longest
/// pause is the longest there is, and the first is at least half of what was asked for.
/// </remarks>
static class Backoff
{
    const int MostDoublings = 64;

    /// <param name="failures">How often it has failed, from 1.</param>
    /// <param name="options">The first pause and the longest.</param>
    public static TimeSpan After(int failures, TpqConsumeOptions options)
    {
        // A thousand doublings are more than any number holds; of zero they are zero.
        double seconds = Math.Min(options.Backoff.TotalSeconds * Math.Pow(2, Math.Min(failures - 1, MostDoublings)), options.MaxBackoff.TotalSeconds);
        return TimeSpan.FromSeconds(seconds / 2 * (1 + Random.Shared.NextDouble()));
    }
}
