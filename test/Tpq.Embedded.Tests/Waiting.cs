using System.Diagnostics;

namespace Tpq.Embedded.Tests;

static class Waiting
{
    static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    /// <summary>Waits until a condition holds, and fails with its name when it does not in time.</summary>
    internal static async Task ForAsync(string what, Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Deadline, $"{what}: not within {Deadline}");
            // Of another process and its files nobody tells; the deadline decides, the interval does not.
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Whether a process runs; one that has ended and waits for its parent does not.</summary>
    internal static bool IsRunning(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            return !process.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
