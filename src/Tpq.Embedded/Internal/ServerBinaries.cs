using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Tpq.Embedded.Internal;

/// <summary>A folder with the programs of a PostgreSQL server that runs here, and its version.</summary>
sealed partial record ServerBinaries(string BinDirectory, Version Version, string? LibraryPath)
{
    internal const int OldestMajor = 14;

    internal static string Executable(string name) => OperatingSystem.IsWindows() ? name + ".exe" : name;

    internal string Program(string name) => Path.Combine(BinDirectory, Executable(name));

    /// <summary>Whether a folder holds a server, and not only clients.</summary>
    internal static bool IsServer(string folder) =>
        File.Exists(Path.Combine(folder, Executable("postgres"))) && File.Exists(Path.Combine(folder, Executable("initdb")));

    /// <summary>Runs the server of a folder for its version, as the account that is to run it.</summary>
    /// <returns>The binaries, or the reason why they cannot be used.</returns>
    internal static async Task<(ServerBinaries? Binaries, string? Problem)> TryOpenAsync(
        string folder, string? libraryPath, ServerAccount account, CancellationToken cancellationToken)
    {
        if (!IsServer(folder))
            return (null, $"{folder} does not hold the programs `postgres` and `initdb`");
        if (await account.FindBarrierAsync(folder, cancellationToken).ConfigureAwait(false) is { } barrier)
            return (null, $"{folder} is out of reach for the account `{account.Name}`, which runs the server because PostgreSQL " +
                $"refuses root: it may not enter {barrier}");

        var binaries = new ServerBinaries(folder, new Version(), libraryPath);
        Command.Result result;
        try
        {
            result = await Command
                .RunAsync(binaries.Program("postgres"), ["--version"], start => binaries.Apply(start, account), cancellationToken)
                .ConfigureAwait(false);
        }
        catch (Win32Exception e)
        {
            return (null, $"{binaries.Program("postgres")} does not run: {e.Message}");
        }
        Match match = VersionWords().Match(result.Output);
        if (result.ExitCode != 0 || !match.Success)
            return (null, $"{binaries.Program("postgres")} does not run: {result.Complaint}");

        int major = int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        int minor = match.Groups[2].Success ? int.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture) : 0;
        return major < OldestMajor
            ? (null, $"{folder} holds PostgreSQL {major}, which is older than {OldestMajor}")
            : (binaries with { Version = new Version(major, minor) }, null);
    }

    /// <summary>Makes a program of this folder start as the account, with its libraries.</summary>
    internal void Apply(ProcessStartInfo start, ServerAccount account)
    {
        account.Apply(start);
        if (LibraryPath is not null)
            start.Environment["LD_LIBRARY_PATH"] = LibraryPath;
    }

    [GeneratedRegex(@"\(PostgreSQL\) (\d+)(?:\.(\d+))?")]
    private static partial Regex VersionWords();
}
