using System.Diagnostics;

namespace Tpq.Tests.Fixtures;

/// <summary>A program that a test needs beside PostgreSQL: the one that is installed, else Debian's, fetched once with apt.</summary>
/// <param name="name">The package's name, and its program's.</param>
/// <param name="folder">Where the package has the program.</param>
/// <param name="others">Packages that it needs beside its libraries.</param>
public abstract class DebianPackage(string name, string folder, params string[] others) : IDisposable
{
    static readonly string[] Folders = [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'), "/usr/sbin"];

    readonly string _folder = Directory.CreateTempSubdirectory($"tpq-{name}-package-").FullName;
    Task<string>? _fetched;

    string Root => Path.Combine(_folder, "root");

    /// <summary>Where the libraries are that were fetched along.</summary>
    public string LibraryPath => string.Join(':', ((string[])["usr/lib", "lib"]).Select(lib => Path.Combine(Root, lib)).Where(Directory.Exists)
        .SelectMany(lib => Directory.EnumerateDirectories(lib, "*-linux-gnu*")).SelectMany(lib => Directory.EnumerateDirectories(lib).Prepend(lib)));

    public async Task<string> ProgramAsync() => Find(name) ?? await (_fetched ??= FetchAsync());

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    public static async Task RunAsync(string program, params string[] args)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, args) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', args)}: {await output}{await error}");
    }

    protected static string? Find(string program) => Folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    /// <summary>Whether the machine has the program, or an apt that brings it. Nothing else stands for it.</summary>
    protected static bool IsInReach(string program) => OperatingSystem.IsLinux() && (Find(program) ?? Find("apt-get")) is not null;

    async Task<string> FetchAsync()
    {
        await RunAsync("sh", [Path.Combine(AppContext.BaseDirectory, "Fixtures", "fetch-package.sh"), _folder, name, .. others]);
        return Path.Combine(Root, folder, name);
    }
}
