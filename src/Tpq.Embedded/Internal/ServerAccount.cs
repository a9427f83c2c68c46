using System.Diagnostics;

namespace Tpq.Embedded.Internal;

/// <summary>
/// Who the server runs as. PostgreSQL refuses root, so under root its programs run as another account, which must be able to
/// reach the binaries and the data folder; otherwise they run as the caller and <see cref="Name"/> is null.
/// </summary>
sealed record ServerAccount(string? Name)
{
    const UnixFileMode ReadAndEnter =
        UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    internal static ServerAccount Current { get; } = Choose();

    static ServerAccount Choose()
    {
        if (OperatingSystem.IsWindows() || !Environment.IsPrivilegedProcess)
            return new ServerAccount(Name: null);

        HashSet<string> accounts = [.. File.ReadLines("/etc/passwd").Select(line => line.Split(':')[0])];
        string? name = accounts.Contains("postgres") ? "postgres" : accounts.Contains("nobody") ? "nobody" : null;
        return name is null
            ? throw new EmbeddedPostgresException(
                "PostgreSQL refuses to run as root and there is neither an account `postgres` nor `nobody`: run as another user, " +
                "or make one with `useradd --system postgres`.")
            : new ServerAccount(name);
    }

    /// <summary>Makes a program start as this account, with nothing of the caller's PostgreSQL environment.</summary>
    internal void Apply(ProcessStartInfo start)
    {
        // PGPORT, PGDATESTYLE and PGCLIENTENCODING change a server's defaults.
        foreach (string variable in start.Environment.Keys.Where(key => key.StartsWith("PG", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(variable);
        start.Environment["LC_ALL"] = "C";

        if (Name is null)
            return;
        start.UserName = Name;
        // The caller's folder may be out of reach.
        start.WorkingDirectory = "/";
    }

    /// <summary>Makes a folder and its missing parents, all of which this account can enter, whatever the caller's umask.</summary>
    internal void MakeFolder(string path)
    {
        if (Directory.Exists(path))
            return;
        if (Path.GetDirectoryName(path) is { } parent)
            MakeFolder(parent);
        Directory.CreateDirectory(path);
        if (Name is not null && !OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, File.GetUnixFileMode(path) | ReadAndEnter);
    }

    /// <summary>Hands a folder or file of the caller's over to this account.</summary>
    internal async Task OwnAsync(string path, CancellationToken cancellationToken)
    {
        if (Name is null)
            return;
        // A server that is still stopping in that folder removes files under chown's feet, which it reports as failures.
        const int Tries = 3;
        for (int attempt = 1; ; attempt++)
        {
            Command.Result result = await Command
                .RunAsync("chown", ["-Rh", $"{Name}:", path], _ => { }, cancellationToken).ConfigureAwait(false);
            if (result.ExitCode == 0)
                return;
            if (attempt == Tries)
                throw new EmbeddedPostgresException($"{path} cannot be handed to the account `{Name}`: {result.Complaint}");
        }
    }

    /// <summary>The outermost folder on the way to <paramref name="folder"/>, or itself, that this account cannot enter.</summary>
    internal async Task<string?> FindBarrierAsync(string folder, CancellationToken cancellationToken)
    {
        if (Name is null)
            return null;
        var way = new List<string>();
        for (var step = new DirectoryInfo(folder); step is not null; step = step.Parent)
            way.Insert(0, step.FullName);
        const string Script = """for folder do [ -x "$folder" ] || { printf %s "$folder"; exit; }; done""";
        Command.Result result = await Command.RunAsync("sh", ["-c", Script, "sh", .. way], Apply, cancellationToken).ConfigureAwait(false);
        return result.Output.Length > 0 ? result.Output : null;
    }
}
