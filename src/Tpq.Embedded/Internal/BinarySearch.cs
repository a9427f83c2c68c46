namespace Tpq.Embedded.Internal;

/// <summary>Finds a server that runs here: TPQ_PG_BIN, the PATH, the usual folders, then what was or can be fetched.</summary>
sealed class BinarySearch(Surroundings surroundings, EmbeddedPostgresOptions options)
{
    /// <param name="major">The version that made the data; null when there is none and any will do.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    internal async Task<ServerBinaries> FindAsync(int? major, CancellationToken cancellationToken)
    {
        if (surroundings.Override is { Length: > 0 } named)
        {
            (ServerBinaries? binaries, string? problem) =
                await ServerBinaries.TryOpenAsync(named, libraryPath: null, surroundings.Account, cancellationToken).ConfigureAwait(false);
            return binaries ?? throw new EmbeddedPostgresException($"TPQ_PG_BIN: {problem}.");
        }

        foreach (string folder in ProgramPath.Folders(surroundings.Path).Concat(surroundings.UsualFolders).Where(ServerBinaries.IsServer))
        {
            (ServerBinaries? binaries, _) =
                await ServerBinaries.TryOpenAsync(Resolve(folder), libraryPath: null, surroundings.Account, cancellationToken).ConfigureAwait(false);
            if (binaries is not null && (major is null || binaries.Version.Major == major))
                return binaries;
        }
        throw new EmbeddedPostgresException($"No PostgreSQL server was found{(options.Offline ? " (offline)" : "")}: set TPQ_PG_BIN to the folder of its programs.");
    }

    /// <summary>The folder of the real programs when the PATH has links to them.</summary>
    static string Resolve(string folder)
    {
        string program = Path.Combine(folder, ServerBinaries.Executable("postgres"));
        string real = Path.GetDirectoryName(File.ResolveLinkTarget(program, returnFinalTarget: true)?.FullName ?? program)!;
        return ServerBinaries.IsServer(real) ? real : folder;
    }
}
