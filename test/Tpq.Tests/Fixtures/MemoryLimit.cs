namespace Tpq.Tests.Fixtures;

/// <summary>A control group whose processes the kernel kills when they take more memory than it allows.</summary>
public sealed class MemoryLimit : IDisposable
{
    const string Root = "/sys/fs/cgroup";

    readonly string _folder;

    MemoryLimit(string folder) => _folder = folder;

    /// <summary>Joins it, and becomes the program that its arguments say.</summary>
    public string[] Command => ["sh", "-c", "echo $$ > \"$0\" && exec \"$@\"", Path.Combine(_folder, "cgroup.procs")];

    /// <summary>Skips the test where this account may not make one.</summary>
    public static MemoryLimit Of(long bytes)
    {
        bool isFirstVersion = Directory.Exists($"{Root}/memory");
        string folder = $"{Root}/{(isFirstVersion ? "memory/" : "")}tpq-test-{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            Assert.Skip($"No control group can be made here: {e.Message}");
        }
        var limit = new MemoryLimit(folder);
        try
        {
            // Swap would only make it slow.
            foreach ((string file, long value) in ((string, long)[])(isFirstVersion
                ? [("memory.limit_in_bytes", bytes), ("memory.memsw.limit_in_bytes", bytes)]
                : [("memory.max", bytes), ("memory.swap.max", 0)]))
            {
                if (File.Exists(Path.Combine(folder, file)))
                    File.WriteAllText(Path.Combine(folder, file), $"{value}");
            }
            Assert.SkipUnless(File.Exists(Path.Combine(folder, isFirstVersion ? "memory.limit_in_bytes" : "memory.max")), "Control groups do not limit memory here.");
            return limit;
        }
        catch
        {
            limit.Dispose();
            throw;
        }
    }

    public void Dispose() => Directory.Delete(_folder);
}
