using System.Globalization;
using System.Runtime.InteropServices;

namespace Tpq.Bench.Report;

/// <summary>The machine of a run, without its name.</summary>
sealed record MachineDescription(int Cores, string Processor, string Memory, string Kernel, string Runtime)
{
    public static MachineDescription Read() => new(
        Environment.ProcessorCount,
        Field("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString(),
        string.Create(CultureInfo.InvariantCulture, $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30):0.0} GiB"),
        $"{(OperatingSystem.IsLinux() ? "Linux " : "")}{ReadKernel()}",
        RuntimeInformation.FrameworkDescription);

    static string ReadKernel() =>
        File.Exists("/proc/sys/kernel/osrelease") ? File.ReadAllText("/proc/sys/kernel/osrelease").Trim() : RuntimeInformation.OSDescription;

    static string? Field(string file, string name) => !File.Exists(file) ? null
        : File.ReadLines(file).Where(line => line.StartsWith(name, StringComparison.Ordinal)).Select(line => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim()).FirstOrDefault();
}
