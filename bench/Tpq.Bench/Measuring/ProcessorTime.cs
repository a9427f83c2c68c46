using System.Globalization;

namespace Tpq.Bench.Measuring;

/// <summary>The CPU time that each side has used, as Linux counts it in /proc: the server with its backends, and this process with all others that it has started.</summary>
sealed record ProcessorTime(TimeSpan Client, TimeSpan Server)
{
    /// <summary>The unit of /proc/*/stat, for whatever clock the kernel has.</summary>
    const int TicksPerSecond = 100;

    /// <param name="backend">The process of one session, by which the server is found.</param>
    public static ProcessorTime Now(int backend)
    {
        Dictionary<int, Usage> all = All();
        int postmaster = all[backend].Parent;
        TimeSpan server = Time(all.Values.Where(p => p.Id == postmaster || p.Parent == postmaster).Sum(p => p.Ticks) + all[postmaster].OfEndedChildren);
        return new ProcessorTime(Time(all.Values.Where(p => IsOurs(p, all, postmaster)).Sum(p => p.Ticks)), server);
    }

    public static ProcessorTime operator -(ProcessorTime end, ProcessorTime begin) => new(end.Client - begin.Client, end.Server - begin.Server);

    static bool IsOurs(Usage process, Dictionary<int, Usage> all, int postmaster)
    {
        for (Usage? at = process; at is not null && at.Id != postmaster; at = all.GetValueOrDefault(at.Parent))
            if (at.Id == Environment.ProcessId)
                return true;
        return false;
    }

    static Dictionary<int, Usage> All()
    {
        var all = new Dictionary<int, Usage>();
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out int id) && Read(id) is { } usage)
                all.Add(id, usage);
        return all;
    }

    static Usage? Read(int id)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{id}/stat");
            // The second field, the name, may hold anything, so the others are counted from its end.
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return new Usage(id, (int)Field(1), Field(11) + Field(12), Field(13) + Field(14));

            long Field(int n) => long.Parse(fields[n], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return null;
        }
    }

    static TimeSpan Time(long ticks) => TimeSpan.FromSeconds((double)ticks / TicksPerSecond);

    sealed record Usage(int Id, int Parent, long Ticks, long OfEndedChildren);
}
