using System.Diagnostics;

namespace Tpq.Bench.Measuring;

/// <summary>A part of a load: how many messages, how long it took, and what it cost this process.</summary>
/// <param name="Messages">How many.</param>
/// <param name="Elapsed">How long it took.</param>
/// <param name="Processor">The time of all threads on a processor, by <c>getrusage</c>, which is finer than <see cref="Process.TotalProcessorTime"/>.</param>
/// <param name="Bytes">What was allocated.</param>
sealed record Slice(long Messages, TimeSpan Elapsed, TimeSpan Processor, long Bytes)
{
    public double Rate => Messages / Elapsed.TotalSeconds;

    /// <summary>Begins one, with what counts all messages. The function ends it.</summary>
    public static Func<Slice> Begin(Func<long> count)
    {
        (long messages, long start, TimeSpan processor, long bytes) = (count(), Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes());
        return () => new Slice(
            count() - messages, Stopwatch.GetElapsedTime(start), Environment.CpuUsage.TotalTime - processor, GC.GetTotalAllocatedBytes() - bytes);
    }
}
