using System.Diagnostics;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

/// <summary>The scripts beside this program with the packages that they need, installed at the first use.</summary>
static class NodePackages
{
    static readonly string[] Manifest = ["package.json", "package-lock.json", ".npmrc"];
    static readonly SemaphoreSlim Turn = new(1);

    /// <summary>The folder from which the scripts run.</summary>
    public static async Task<string> InstallAsync(CancellationToken cancellationToken)
    {
        string scripts = Path.Combine(AppContext.BaseDirectory, "node");
        string folder = Path.Combine(AppContext.BaseDirectory, "node-cache");
        await Turn.WaitAsync(cancellationToken);
        try
        {
            bool isInstalled = Directory.Exists(Path.Combine(folder, "node_modules")) && Manifest.All(file => IsSame(scripts, folder, file));
            Directory.CreateDirectory(folder);
            foreach (string file in Directory.EnumerateFiles(scripts).Where(file => isInstalled || !Manifest.Contains(Path.GetFileName(file))))
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
            if (!isInstalled)
                await InstallAsync(scripts, folder, cancellationToken);
            return folder;
        }
        finally
        {
            Turn.Release();
        }
    }

    static async Task InstallAsync(string scripts, string folder, CancellationToken cancellationToken)
    {
        foreach (string file in Manifest)
            File.Copy(Path.Combine(scripts, file), Path.Combine(folder, file), overwrite: true);
        ProcessStartInfo start = Start("npm", ["ci", "--ignore-scripts", "--loglevel=error"]);
        start.WorkingDirectory = folder;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        using Process npm = Process.Start(start)!;
        Task<string> output = npm.StandardOutput.ReadToEndAsync(cancellationToken);
        string error = await npm.StandardError.ReadToEndAsync(cancellationToken);
        await npm.WaitForExitAsync(cancellationToken);
        await output;
        if (npm.ExitCode != 0)
        {
            // What is half installed must not pass for installed.
            Directory.Delete(folder, recursive: true);
            throw new NotPossibleException($"`npm ci` ended with {npm.ExitCode}: {error.Trim().Split('\n')[0]}");
        }
    }

    public static ProcessStartInfo Start(string program, IEnumerable<string> arguments)
    {
        string? path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? program + (program == "npm" ? ".cmd" : ".exe") : program))
            .FirstOrDefault(File.Exists);
        return new ProcessStartInfo(path ?? throw new NotPossibleException($"there is no {program} on this machine"), arguments);
    }

    static bool IsSame(string scripts, string folder, string file) =>
        File.Exists(Path.Combine(folder, file)) && File.ReadAllText(Path.Combine(scripts, file)) == File.ReadAllText(Path.Combine(folder, file));
}
