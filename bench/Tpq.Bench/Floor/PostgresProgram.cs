using System.ComponentModel;
using System.Diagnostics;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Floor;

/// <summary>A program of PostgreSQL's own, run on a database.</summary>
sealed class PostgresProgram(string name, string binDirectory, Database database)
{
    public string? Path { get; } = Find(name, binDirectory);

    public ProcessStartInfo Start(IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Path ?? throw new NotPossibleException($"there is no {name} on this machine"), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string variable in start.Environment.Keys.Where(key => key.StartsWith("PG", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(variable);
        start.Environment["PGHOST"] = database.Host;
        start.Environment["PGPORT"] = $"{database.Port}";
        start.Environment["PGUSER"] = database.User;
        start.Environment["PGPASSWORD"] = database.Password;
        start.Environment["PGDATABASE"] = database.Name;
        start.Environment["PGAPPNAME"] = name;
        return start;
    }

    /// <summary>Runs it to its end, or until it is stopped, which is no failure; returns what it wrote.</summary>
    public async Task<string> RunAsync(IEnumerable<string> arguments, CancellationToken stop, bool stopIsFailure = true)
    {
        ProcessStartInfo start = Start(arguments);
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        Task<string> error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(stop);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            if (stopIsFailure)
                throw;
            return await output;
        }
        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException($"{name} ended with {process.ExitCode}: {Reason(await error)}");
    }

    /// <summary>Runs it with <c>--version</c>.</summary>
    public async Task<string?> VersionAsync(CancellationToken cancellationToken)
    {
        try
        {
            return Path is null ? null : (await RunAsync(["--version"], cancellationToken)).Trim();
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    /// <summary>
    /// The one beside the server, else one of the PATH. Debian's links in /usr/bin are a script that costs more than the program: not those.
    /// </summary>
    static string? Find(string name, string binDirectory) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(System.IO.Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Prepend(binDirectory)
            .Select(folder => System.IO.Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);

    /// <summary>The first error is the reason; what follows is that it could not go on.</summary>
    static string Reason(string words)
    {
        string[] lines = words.Trim().Split('\n');
        int first = Math.Max(0, Array.FindIndex(lines, line => line.Contains("error:", StringComparison.Ordinal)));
        return string.Join(' ', lines.Skip(first).Take(2).Select(line => line.Trim()));
    }
}
