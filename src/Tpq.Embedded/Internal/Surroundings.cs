namespace Tpq.Embedded.Internal;

/// <summary>What this machine and user offer to the search for a server.</summary>
sealed record Surroundings
{
    /// <summary>The folder that TPQ_PG_BIN names.</summary>
    internal string? Override { get; init; }

    internal string? Path { get; init; }

    /// <summary>Where packages of this operating system put servers, in the order of preference.</summary>
    internal required IReadOnlyList<string> UsualFolders { get; init; }

    /// <summary>Where fetched servers are kept.</summary>
    internal required string Cache { get; init; }

    internal required ServerAccount Account { get; init; }

    internal static Surroundings Current => new()
    {
        Override = Environment.GetEnvironmentVariable("TPQ_PG_BIN"),
        Path = Environment.GetEnvironmentVariable("PATH"),
        UsualFolders = Internal.UsualFolders.OnThisMachine(),
        Cache = FindCache(),
        Account = ServerAccount.Current,
    };

    static string FindCache()
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string folder =
            OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            // The account that runs the server cannot enter root's home.
            : Environment.IsPrivilegedProcess ? (OperatingSystem.IsMacOS() ? "/Library/Caches" : "/var/cache")
            : OperatingSystem.IsMacOS() ? System.IO.Path.Combine(home, "Library", "Caches")
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg ? xdg
            : System.IO.Path.Combine(home, ".cache");
        return System.IO.Path.Combine(folder, "tpq");
    }
}
