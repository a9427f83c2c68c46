using Tpq.Tests.Fixtures;

namespace Tpq.Chaos;

/// <summary>A file system of its own, in memory, that can be filled up.</summary>
sealed class SmallDisk : IAsyncDisposable
{
    const string Size = "1g";

    SmallDisk(string path) => Path = path;

    public string Path { get; }

    string Filler => System.IO.Path.Combine(Path, "filler");

    /// <summary>Whether this machine lets us: root mounts.</summary>
    public static bool IsPossible => OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess;

    public static async Task<SmallDisk> CreateAsync()
    {
        string path = Directory.CreateTempSubdirectory("tpq-chaos-disk-").FullName;
        await DebianPackage.RunAsync("mount", "-t", "tmpfs", "-o", $"size={Size},mode=755", "tpq-chaos", path);
        return new SmallDisk(path);
    }

    public void Fill()
    {
        byte[] block = new byte[1 << 20];
        using var filler = new FileStream(Filler, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            while (true)
                filler.Write(block);
        }
        catch (IOException)
        {
            // Full.
        }
    }

    public void Free() => File.Delete(Filler);

    public async ValueTask DisposeAsync()
    {
        // Lazily: who watched the server has not let go of its log yet.
        await DebianPackage.RunAsync("umount", "--lazy", Path);
        Directory.Delete(Path);
    }
}
