using System.Diagnostics;

namespace Tpq.Tests.Fixtures;

/// <summary>The program of PgBouncer: the one that is installed, else Debian's, fetched once with apt.</summary>
public sealed class PgBouncerPackage : IDisposable
{
    static readonly string[] Folders = [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'), "/usr/sbin"];

    readonly string _folder = Directory.CreateTempSubdirectory("tpq-pgbouncer-package-").FullName;
    Task<string>? _fetched;

    /// <summary>What a test behind it needs of the machine: a PgBouncer, or an apt that brings one. Nothing else stands for it.</summary>
    public static void Need() => Assert.SkipUnless(
        OperatingSystem.IsLinux() && (Find("pgbouncer") ?? Find("apt-get")) is not null, "There is neither a PgBouncer nor an apt to fetch it with.");

    string Root => Path.Combine(_folder, "root");

    /// <summary>Where the libraries are that were fetched along.</summary>
    public string LibraryPath => string.Join(':', ((string[])["usr/lib", "lib"]).Select(lib => Path.Combine(Root, lib)).Where(Directory.Exists)
        .SelectMany(lib => Directory.EnumerateDirectories(lib, "*-linux-gnu*")));

    public async Task<string> ProgramAsync() => Find("pgbouncer") ?? await (_fetched ??= FetchAsync());

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static async Task RunAsync(string program, params string[] args)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, args) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', args)}: {await output}{await error}");
    }

    async Task<string> FetchAsync()
    {
        await RunAsync("sh", Path.Combine(AppContext.BaseDirectory, "Fixtures", "fetch-pgbouncer.sh"), _folder);
        return Path.Combine(Root, "usr", "sbin", "pgbouncer");
    }

    static string? Find(string program) => Folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
}
