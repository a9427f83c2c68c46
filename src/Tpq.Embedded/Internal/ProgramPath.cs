namespace Tpq.Embedded.Internal;

/// <summary>Finds programs on the PATH.</summary>
static class ProgramPath
{
    internal static IEnumerable<string> Folders(string? path) =>
        (path ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    internal static string? Find(string name, string? path) =>
        Folders(path).Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
}
