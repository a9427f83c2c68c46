using System.Diagnostics;
using System.Globalization;

namespace Tpq.Bench.Commands;

/// <summary>Runs a process for its time and its memory.</summary>
static class MeasuredProcess
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static Finished Run(ProcessStartInfo start, string input = "")
    {
        long begin = Stopwatch.GetTimestamp();
        using Process process = Process.Start(start)!;
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        long peak = 0;
        using var ended = new ManualResetEventSlim();
        var watch = new Thread(() => peak = Watch(process, ended));
        watch.Start();
        bool inTime = process.WaitForExit(Patience);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(begin);
        ended.Set();
        if (!inTime)
            process.Kill();
        watch.Join();
        if (!inTime)
            throw new InvalidOperationException($"did not end within {Patience.TotalSeconds:0} s");
        return process.ExitCode == 0
            ? new Finished(elapsed, peak)
            : throw new InvalidOperationException($"ended with {process.ExitCode}: {process.StandardError.ReadToEnd().Trim()}");
    }

    /// <summary>
    /// The kernel keeps the peak while the process lives, so that the last look is the one that counts. What wait4 says afterwards is no
    /// use: it has the memory in it that this process had when it started the other.
    /// </summary>
    static long Watch(Process process, ManualResetEventSlim ended)
    {
        long peak = 0;
        do
        {
            peak = Math.Max(peak, PeakMemory(process));
        }
        while (!ended.Wait(TimeSpan.FromMilliseconds(1)));
        return peak;
    }

    static long PeakMemory(Process process)
    {
        try
        {
            if (!OperatingSystem.IsLinux())
            {
                process.Refresh();
                return process.PeakWorkingSet64;
            }
            string? line = File.ReadLines($"/proc/{process.Id}/status").FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line is null ? 0 : long.Parse(line.AsSpan()["VmHWM:".Length..^"kB".Length].Trim(), CultureInfo.InvariantCulture) * 1024;
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // It has just ended.
            return 0;
        }
    }
}
