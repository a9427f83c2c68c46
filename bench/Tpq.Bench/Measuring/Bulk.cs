using System.Diagnostics;

namespace Tpq.Bench.Measuring;

static class Bulk
{
    /// <summary>Times one bulk operation, and returns how many messages a second.</summary>
    public static async Task<double> RateAsync(int count, Func<Task> operation)
    {
        long start = Stopwatch.GetTimestamp();
        await operation();
        return count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
