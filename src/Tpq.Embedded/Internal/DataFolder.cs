using System.Globalization;
using System.Security.Cryptography;

namespace Tpq.Embedded.Internal;

/// <summary>
/// The folder of one server: <c>data</c> is PostgreSQL's, <c>password</c> the superuser's, <c>log</c> the words of initdb and server.
/// </summary>
sealed class DataFolder
{
    /// <summary>
    /// The superuser. Not `tpq`: the search path begins with the schema named like the user, and a schema `tpq` found that way
    /// would hide statements that forgot to name it.
    /// </summary>
    internal const string User = "postgres";

    const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    DataFolder(string path, bool isTemporary)
    {
        FullPath = path;
        IsTemporary = isTemporary;
    }

    internal string FullPath { get; }

    internal bool IsTemporary { get; }

    internal string Data => Path.Combine(FullPath, "data");

    internal string Log => Path.Combine(FullPath, "log");

    internal string Password { get; private set; } = "";

    internal long LogLength => File.Exists(Log) ? new FileInfo(Log).Length : 0;

    string PasswordFile => Path.Combine(FullPath, "password");

    /// <summary>The major version that made the data of a folder; null before there is any.</summary>
    internal static int? MadeBy(string? path) =>
        path is not null && Path.Combine(path, "data", "PG_VERSION") is var file && File.Exists(file)
            ? int.Parse(File.ReadAllText(file).Trim(), CultureInfo.InvariantCulture)
            : null;

    /// <summary>Opens the given folder, or makes a temporary one for null.</summary>
    internal static async Task<DataFolder> OpenAsync(string? path, ServerAccount account, CancellationToken cancellationToken)
    {
        DataFolder folder = path is null
            ? new DataFolder(Directory.CreateTempSubdirectory("tpq-pg-").FullName, isTemporary: true)
            : new DataFolder(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)), isTemporary: false);
        try
        {
            await folder.PrepareAsync(account, cancellationToken).ConfigureAwait(false);
            return folder;
        }
        catch when (folder.IsTemporary)
        {
            folder.Remove();
            throw;
        }
    }

    /// <summary>Runs initdb unless an earlier start did.</summary>
    internal async Task FillAsync(ServerBinaries binaries, ServerAccount account, CancellationToken cancellationToken)
    {
        if (Directory.Exists(Data))
            return;

        // Made aside and renamed when whole, so that a start cut short leaves nothing that looks like data.
        string unfinished = Data + ".new";
        if (Directory.Exists(unfinished))
            Directory.Delete(unfinished, recursive: true);
        string[] command =
        [
            binaries.Program("initdb"), "--pgdata", unfinished, "--username", User, "--pwfile", PasswordFile,
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-instructions", "--no-sync",
        ];
        OwnedProcess initdb = await OwnedProcess.StartAsync(
            command, Log, IsTemporary ? FullPath : null, start => binaries.Apply(start, account)).ConfigureAwait(false);
        await using (initdb.ConfigureAwait(false))
        {
            if (await initdb.WaitForExitAsync(cancellationToken).ConfigureAwait(false) != 0)
                throw new EmbeddedPostgresException($"initdb failed in {FullPath}: {LastLines(ReadLog(start: 0))}");
        }
        Directory.Move(unfinished, Data);
    }

    /// <summary>The log after a position.</summary>
    internal string ReadLog(long start)
    {
        using var log = new StreamReader(new FileStream(Log, FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite));
        log.BaseStream.Position = start;
        return log.ReadToEnd().TrimEnd();
    }

    /// <summary>As much of a log as an exception's message can carry.</summary>
    internal static string LastLines(string log) => string.Join('\n', log.Split('\n').TakeLast(8));

    internal void Remove()
    {
        if (Directory.Exists(FullPath))
            Directory.Delete(FullPath, recursive: true);
    }

    async Task PrepareAsync(ServerAccount account, CancellationToken cancellationToken)
    {
        if (File.Exists(FullPath))
            throw new EmbeddedPostgresException($"{FullPath} is a file: choose a folder.");
        if (Directory.Exists(FullPath) && !File.Exists(PasswordFile) && Directory.EnumerateFileSystemEntries(FullPath).Any())
            throw new EmbeddedPostgresException($"{FullPath} is not empty and does not come from an earlier start: choose another folder.");

        bool isNew = !Directory.Exists(FullPath);
        account.MakeFolder(FullPath);
        if (await account.FindBarrierAsync(Path.GetDirectoryName(FullPath)!, cancellationToken).ConfigureAwait(false) is { } barrier)
        {
            if (isNew)
                Directory.Delete(FullPath);
            throw new EmbeddedPostgresException(
                $"{FullPath} is out of reach for the account `{account.Name}`, which runs the server because PostgreSQL refuses root: " +
                $"it may not enter {barrier}. Choose a folder outside it.");
        }
        if (!File.Exists(PasswordFile))
            WritePassword();
        Password = (await File.ReadAllTextAsync(PasswordFile, cancellationToken).ConfigureAwait(false)).Trim();
        await account.OwnAsync(FullPath, cancellationToken).ConfigureAwait(false);
    }

    void WritePassword()
    {
        var create = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            create.UnixCreateMode = OwnerOnly;
        using var writer = new StreamWriter(PasswordFile, create);
        // Letters and digits need no escape in a URL or in Npgsql's keywords.
        writer.WriteLine(RandomNumberGenerator.GetString("abcdefghijkmnopqrstuvwxyz23456789", 24));
    }
}
