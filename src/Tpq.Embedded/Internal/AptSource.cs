using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Tpq.Embedded.Internal;

/// <summary>
/// The packages of Debian and its descendants, downloaded and unpacked into a folder: nothing is installed, so no root is needed.
/// </summary>
sealed partial class AptSource(Surroundings surroundings) : BinarySource(surroundings)
{
    internal override async Task<CachedServer> FetchAsync(int? major, Action<string> say, CancellationToken cancellationToken)
    {
        string aptGet = Find("apt-get");
        string lists = Directory.CreateTempSubdirectory("tpq-apt-").FullName;
        try
        {
            return await DownloadAsync(aptGet, options: [], major, say, cancellationToken).ConfigureAwait(false);
        }
        catch (FetchException)
        {
            // The machine's package lists are missing or out of date. Fresh ones of our own need no root and change nothing of it.
            say("fetching apt's package lists");
            string[] options = await FetchListsAsync(aptGet, lists, cancellationToken).ConfigureAwait(false);
            return await DownloadAsync(aptGet, options, major, say, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Directory.Delete(lists, recursive: true);
        }
    }

    async Task<CachedServer> DownloadAsync(
        string aptGet, string[] options, int? major, Action<string> say, CancellationToken cancellationToken)
    {
        string dpkgDeb = Find("dpkg-deb");
        string server = major is null ? await FindNewestAsync(options, cancellationToken).ConfigureAwait(false) : $"postgresql-{major}";
        IEnumerable<string> libraries = await FindMissingLibrariesAsync(aptGet, options, server, cancellationToken).ConfigureAwait(false);
        string[] packages = [server, .. libraries];
        say($"fetching PostgreSQL with `apt-get download {string.Join(' ', packages)}` into {Surroundings.Cache}");
        return await new BinaryCache(Surroundings)
            .AddAsync($"{server}-apt-{RuntimeInformation.RuntimeIdentifier}", UnpackAsync, cancellationToken).ConfigureAwait(false);

        async Task<string> UnpackAsync(string folder)
        {
            await RunAsync(aptGet, [.. options, "download", .. packages], folder, cancellationToken).ConfigureAwait(false);
            string root = Path.Combine(folder, "root");
            foreach (string package in Directory.EnumerateFiles(folder, "*.deb"))
                await RunAsync(dpkgDeb, ["-x", package, root], folder, cancellationToken).ConfigureAwait(false);
            // LLVM, larger than all the rest, stays out; without this file PostgreSQL does not look for it.
            foreach (string jit in Directory.EnumerateFiles(root, "llvmjit.so", SearchOption.AllDirectories))
                File.Delete(jit);
            return root;
        }
    }

    /// <summary>The server package that the distribution's package `postgresql` stands for.</summary>
    async Task<string> FindNewestAsync(string[] options, CancellationToken cancellationToken)
    {
        string[] arguments = [.. options, "depends", "postgresql"];
        string words = await RunAsync(Find("apt-cache"), arguments, Path.GetTempPath(), cancellationToken).ConfigureAwait(false);
        Match match = ServerPackage().Match(words);
        return match.Success ? match.Value : throw new FetchException("apt knows no package postgresql");
    }

    /// <summary>The libraries that an installation of the server would bring along.</summary>
    static async Task<IEnumerable<string>> FindMissingLibrariesAsync(
        string aptGet, string[] options, string server, CancellationToken cancellationToken)
    {
        string[] arguments = [.. options, "install", "--simulate", "--no-install-recommends", server];
        string words = await RunAsync(aptGet, arguments, Path.GetTempPath(), cancellationToken).ConfigureAwait(false);
        return NewLibrary().Matches(words).Select(match => match.Groups[1].Value);
    }

    static async Task<string[]> FetchListsAsync(string aptGet, string folder, CancellationToken cancellationToken)
    {
        string lists = Path.Combine(folder, "lists"), cache = Path.Combine(folder, "cache");
        Directory.CreateDirectory(Path.Combine(lists, "partial"));
        Directory.CreateDirectory(Path.Combine(cache, "archives", "partial"));
        string[] options = ["-o", $"Dir::State::lists={lists}", "-o", $"Dir::Cache={cache}"];
        await RunAsync(aptGet, [.. options, "update"], folder, cancellationToken).ConfigureAwait(false);
        return options;
    }

    [GeneratedRegex(@"postgresql-\d+")]
    private static partial Regex ServerPackage();

    // A new package has no installed version in brackets. Perl's modules are for Debian's scripts around the server.
    [GeneratedRegex(@"^Inst (lib(?!llvm)\S*(?<!-perl)) \(", RegexOptions.Multiline)]
    private static partial Regex NewLibrary();
}
