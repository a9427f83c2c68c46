using System.Reflection;

namespace Tpq.Docs.Tests.Fixtures;

/// <summary>The files of the tree whose examples are tested.</summary>
static class Repository
{
    public static string Root { get; } = Path.GetFullPath(
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "Repository").Value!);

    /// <summary>Every page of the documentation, by its path from the root.</summary>
    public static IReadOnlyList<string> Pages { get; } =
    [
        "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "src/Tpq/README.md", "src/Tpq.Hosting/README.md", "src/Tpq.EntityFrameworkCore/README.md", "src/Tpq.AspNetCore/README.md",
        .. ((string[])["docs", "docs/protocols"]).SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Root, folder), "*.md")).Select(f => Path.GetRelativePath(Root, f)).Order(StringComparer.Ordinal),
    ];

    public static string Read(string page) => File.ReadAllText(Path.Combine(Root, page));
}
