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
        string aptGet = Find("apt-get"), aptCache = Find("apt-cache"), dpkgDeb = Find("dpkg-deb");
        string lists = Directory.CreateTempSubdirectory("tpq-apt-").FullName;
        try
        {
            try
            {
                return await FetchAsync(options: []).ConfigureAwait(false);
            }
            catch (FetchException)
            {
                // The machine's package lists are missing or out of date. Fresh ones of our own need no root and change nothing of it.
                say("fetching apt's package lists");
                string[] options = await FetchListsAsync(aptGet, lists, cancellationToken).ConfigureAwait(false);
                return await FetchAsync(options).ConfigureAwait(false);
            }
        }
        finally
        {
            Directory.Delete(lists, recursive: true);
        }

        async Task<CachedServer> FetchAsync(string[] options)
        {
            string server = major is null ? await NewestAsync(aptCache, options, cancellationToken).ConfigureAwait(false) : $"postgresql-{major}";
            string[] packages = [server, .. await MissingLibrariesAsync(aptGet, options, server, cancellationToken).ConfigureAwait(false)];
            say($"fetching PostgreSQL with `apt-get download {string.Join(' ', packages)}` into {Surroundings.Cache}");
            return await new BinaryCache(Surroundings).AddAsync($"{server}-apt-{RuntimeInformation.RuntimeIdentifier}", Unpack, cancellationToken)
                .ConfigureAwait(false);

            async Task<string> Unpack(string folder)
            {
                await RunAsync(aptGet, [.. options, "download", .. packages], folder, cancellationToken).ConfigureAwait(false);
                string root = Path.Combine(folder, "root");
                foreach (string package in Directory.EnumerateFiles(folder, "*.deb"))
                    await RunAsync(dpkgDeb, ["-x", package, root], folder, cancellationToken).ConfigureAwait(false);
                // Without LLVM, which is larger than all the rest, PostgreSQL does without compiled queries only if this is missing too.
                foreach (string jit in Directory.EnumerateFiles(root, "llvmjit.so", SearchOption.AllDirectories))
                    File.Delete(jit);
                return root;
            }
        }
    }

    /// <summary>The server package that the distribution's package `postgresql` stands for.</summary>
    static async Task<string> NewestAsync(string aptCache, string[] options, CancellationToken cancellationToken)
    {
        string words = await RunAsync(aptCache, [.. options, "depends", "postgresql"], Path.GetTempPath(), cancellationToken).ConfigureAwait(false);
        Match match = ServerPackage().Match(words);
        return match.Success ? match.Value : throw new FetchException("apt knows no package postgresql");
    }

    /// <summary>The libraries that an installation of the server would bring along.</summary>
    static async Task<IEnumerable<string>> MissingLibrariesAsync(
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
