namespace Tpq.Embedded.Internal;

/// <summary>The folders where packages and installers put PostgreSQL servers.</summary>
static class UsualFolders
{
    /// <summary>The folders of this operating system that exist, newest version first within each family.</summary>
    internal static IReadOnlyList<string> OnThisMachine() => [.. Patterns().SelectMany(Expand)];

    /// <summary>
    /// Expands the one <c>*</c> of a path, which stands for the rest of a folder's name, to the folders that exist, highest number first.
    /// </summary>
    internal static IEnumerable<string> Expand(string pattern)
    {
        int star = pattern.IndexOf('*', StringComparison.Ordinal);
        if (star < 0)
            return Directory.Exists(pattern) ? [pattern] : [];
        string parent = Path.GetDirectoryName(pattern[..star])!;
        if (!Directory.Exists(parent))
            return [];
        string name = Path.GetFileName(pattern[..star]);
        return Directory.EnumerateDirectories(parent, name + "*")
            .OrderByDescending(folder => int.TryParse(Path.GetFileName(folder)[name.Length..], out int version) ? version : -1)
            .Select(folder => folder + pattern[(star + 1)..])
            .Where(Directory.Exists);
    }

    static string[] Patterns() =>
        OperatingSystem.IsWindows() ?
        [
            Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles), "PostgreSQL", "*", "bin"),
        ]
        : OperatingSystem.IsMacOS() ?
        [
            "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
            "/Applications/Postgres.app/Contents/Versions/*/bin", "/opt/local/lib/postgresql*/bin", "/Library/PostgreSQL/*/bin",
        ]
        :
        [
            // Debian and Ubuntu; Red Hat from PostgreSQL's own packages; SUSE; Alpine; the distributions with one version.
            "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/lib/postgresql*/bin", "/usr/libexec/postgresql*",
            "/usr/local/pgsql/bin", "/usr/bin",
        ];
}
