using System.Globalization;
using System.Text.RegularExpressions;

namespace Tpq.Embedded.Internal;

/// <summary>A server in the cache.</summary>
/// <param name="BinDirectory">The folder of its programs.</param>
/// <param name="LibraryPath">Where the libraries are that it needs beside the system's own; null when it finds them itself.</param>
sealed record CachedServer(string BinDirectory, string? LibraryPath);

/// <summary>
/// The folder of fetched servers, one folder each. A server comes in by a rename when it is complete, so that neither an interrupted
/// fetch nor two at once can leave half of one.
/// </summary>
sealed partial class BinaryCache(Surroundings surroundings)
{
    const string UnfinishedPrefix = ".new-";
    static readonly TimeSpan AbandonedAfter = TimeSpan.FromHours(1);

    /// <summary>The servers there are, newest major version first.</summary>
    internal IEnumerable<CachedServer> Servers() =>
        !Directory.Exists(surroundings.Cache)
            ? []
            : Directory.EnumerateDirectories(surroundings.Cache)
                .Select(folder => (Folder: folder, Match: FolderName().Match(Path.GetFileName(folder))))
                .Where(entry => entry.Match.Success)
                .OrderByDescending(entry => int.Parse(entry.Match.Groups[1].ValueSpan, CultureInfo.InvariantCulture))
                .Select(entry => Open(entry.Folder))
                .OfType<CachedServer>();

    /// <param name="name">Begins with <c>postgresql-</c> and the major version.</param>
    /// <param name="fetch">Is given an empty folder to work in, returns the folder in it that is to be kept.</param>
    /// <param name="cancellationToken">Ends the fetch.</param>
    internal async Task<CachedServer> AddAsync(string name, Func<string, Task<string>> fetch, CancellationToken cancellationToken)
    {
        string target = Path.Combine(surroundings.Cache, name);
        try
        {
            MakeCache();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FetchException($"{surroundings.Cache} cannot be written: {e.Message}");
        }
        string unfinished = Path.Combine(surroundings.Cache, UnfinishedPrefix + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(unfinished);
        try
        {
            string fetched = await fetch(unfinished).ConfigureAwait(false);
            if (surroundings.Account.Name is not null)
                await Command.RunAsync("chmod", ["-R", "a+rX", fetched], _ => { }, cancellationToken).ConfigureAwait(false);
            Directory.Move(fetched, target);
        }
        catch (IOException e)
        {
            // Another process may have been faster; its copy is as good.
            if (!Directory.Exists(target))
                throw new FetchException($"{target} cannot be written: {e.Message}");
        }
        finally
        {
            Directory.Delete(unfinished, recursive: true);
        }
        return Open(target) ?? throw new FetchException($"{target} holds no server");
    }

    void MakeCache()
    {
        surroundings.Account.MakeFolder(surroundings.Cache);
        foreach (string abandoned in Directory.EnumerateDirectories(surroundings.Cache, UnfinishedPrefix + "*"))
            if (DateTime.UtcNow - Directory.GetLastWriteTimeUtc(abandoned) > AbandonedAfter)
                Directory.Delete(abandoned, recursive: true);
    }

    /// <summary>A folder has its programs in <c>bin</c>, or is the tree of Debian's packages.</summary>
    static CachedServer? Open(string folder)
    {
        string bin = Path.Combine(folder, "bin");
        if (Directory.Exists(bin))
            return new CachedServer(bin, LibraryPath: null);

        string? debianBin = UsualFolders.Expand(Path.Combine(folder, "usr", "lib", "postgresql", "*", "bin")).FirstOrDefault();
        string[] parents = [Path.Combine(folder, "usr", "lib"), Path.Combine(folder, "lib")];
        IEnumerable<string> libraries = parents.Where(Directory.Exists)
            .SelectMany(parent => Directory.EnumerateDirectories(parent, "*-linux-gnu*"));
        return debianBin is null ? null : new CachedServer(debianBin, string.Join(':', libraries));
    }

    [GeneratedRegex("^postgresql-([0-9]+)")]
    private static partial Regex FolderName();
}
