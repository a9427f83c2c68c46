namespace Tpq.Embedded.Tests;

/// <summary>A folder of a test's own that the server's account can enter.</summary>
sealed class TemporaryFolder : IDisposable
{
    internal TemporaryFolder()
    {
        FullPath = Directory.CreateTempSubdirectory("tpq-test-").FullName;
        Open(FullPath);
    }

    internal string FullPath { get; }

    internal string this[string name] => Path.Combine(FullPath, name);

    /// <summary>Makes a folder in it that everybody can enter, or only its owner.</summary>
    internal string Make(string name, bool closed = false)
    {
        string folder = Directory.CreateDirectory(this[name]).FullName;
        Open(folder, closed);
        return folder;
    }

    /// <summary>A folder in it with links to programs, to serve as a PATH.</summary>
    internal string Links(params string[] programs)
    {
        string folder = Make("links");
        foreach (string program in programs)
            File.CreateSymbolicLink(Path.Combine(folder, Path.GetFileName(program)), program);
        return folder;
    }

    /// <summary>Writes a shell script that anybody may run.</summary>
    internal static void WriteScript(string file, string script)
    {
        File.WriteAllText(file, $"#!/bin/sh\n{script}\n");
        Open(file);
    }

    public void Dispose() => Directory.Delete(FullPath, recursive: true);

    static void Open(string path, bool closed = false)
    {
        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, closed ? Owner : Owner | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
    }
}
