using System.Diagnostics;

namespace Tpq.Cli.Tests.Fixtures;

static class Eventually
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20), Interval = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits for something that another process does; fails when it has not come in time.</summary>
    public static async Task TrueAsync(Func<Task<bool>> isTrue, Func<string> what)
    {
        long start = Stopwatch.GetTimestamp();
        while (!await isTrue())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, $"Not within {Patience.TotalSeconds} s: {what()}");
            // Another process tells nobody when it gets somewhere. The deadline decides, the interval does not.
            await Task.Delay(Interval);
        }
    }
}
