using System.Diagnostics;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Commands;

/// <summary>The tpq command, in the fastest form that there is.</summary>
sealed record TpqCommand(string Kind, string File, params string[] Prefix)
{
    /// <summary>The named one; else the native one that was published; else the one of this build, which the runtime has to compile.</summary>
    public static TpqCommand Find(string? path)
    {
        if (path is not null)
            return path.EndsWith(".dll", StringComparison.OrdinalIgnoreCase) ? Managed(path) : new TpqCommand("native", Path.GetFullPath(path));
        string artifacts = Artifacts();
        string published = Path.Combine(artifacts, "publish", "Tpq.Cli");
        string[] names = ["tpq", "Tpq.Cli"];
        string? native = Directory.Exists(published)
            ? Directory.EnumerateDirectories(published, "release*").SelectMany(folder => names.Select(name => Path.Combine(folder, name)))
                // A published program that needs the runtime has its assembly beside it.
                .FirstOrDefault(file => System.IO.File.Exists(file) && !System.IO.File.Exists(Path.Combine(Path.GetDirectoryName(file)!, "Tpq.Cli.dll")))
            : null;
        return native is not null ? new TpqCommand("native", native) : Managed(Path.Combine(artifacts, "bin", "Tpq.Cli", "release", "Tpq.Cli.dll"));
    }

    public ProcessStartInfo Start(string url, params string[] arguments)
    {
        string program = Prefix.Length > 0 ? Prefix[^1] : File;
        if (!System.IO.File.Exists(program))
            throw new NotPossibleException("it is not built: `dotnet build -c Release src/Tpq.Cli`");
        var start = new ProcessStartInfo(File, [.. Prefix, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["TPQ_URL"] = url;
        return start;
    }

    static TpqCommand Managed(string assembly) => new("dotnet Tpq.Cli.dll", "dotnet", assembly);

    /// <summary>The folder of all build output, which this program lies in.</summary>
    static string Artifacts()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (folder.Name == "artifacts")
                return folder.FullName;
        return AppContext.BaseDirectory;
    }
}
