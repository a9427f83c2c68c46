using Tpq.Embedded.Internal;

namespace Tpq.Embedded;

/// <summary>
/// A PostgreSQL server of one's own on 127.0.0.1, for demos, development, tests and benchmarks. It stops when disposed, and also when
/// this process ends in any other way. The methods that stop and start it are not for concurrent use.
/// </summary>
/// <remarks>
/// On Windows, where this is not tested, a temporary folder stays when this process is killed, and PostgreSQL refuses to run from an
/// elevated one.
/// </remarks>
public sealed class EmbeddedPostgres : IAsyncDisposable
{
    const string Host = "127.0.0.1";
    const string Database = "postgres";

    readonly DataFolder _folder;
    readonly ServerBinaries _binaries;
    readonly ServerLauncher _launcher;
    OwnedProcess? _server;

    EmbeddedPostgres(DataFolder folder, ServerBinaries binaries, ServerLauncher launcher, OwnedProcess server, int port)
    {
        _folder = folder;
        _binaries = binaries;
        _launcher = launcher;
        _server = server;
        Port = port;
    }

    /// <summary>Gets the libpq URL of the database, with the superuser's name and password.</summary>
    public string Url => $"postgresql://{DataFolder.User}:{_folder.Password}@{Host}:{Port}/{Database}";

    /// <summary>Gets the same as <see cref="Url"/> in Npgsql's keywords.</summary>
    public string ConnectionString =>
        $"Host={Host};Port={Port};Database={Database};Username={DataFolder.User};Password={_folder.Password}";

    /// <summary>Gets the TCP port on 127.0.0.1; it stays the same over stops and starts.</summary>
    public int Port { get; }

    /// <summary>Gets the full path of the folder with the server's data (in <c>data</c>), password and log.</summary>
    public string DataDirectory => _folder.FullPath;

    /// <summary>Gets the folder of the server's programs.</summary>
    public string BinDirectory => _binaries.BinDirectory;

    /// <summary>Gets the server's version, major and minor.</summary>
    public Version Version => _binaries.Version;

    /// <summary>Gets the process id of the running server.</summary>
    internal int? ProcessId => _server?.Id;

    /// <summary>
    /// Finds a server, fetches one where there is none, makes its data and starts it. Returns when it accepts connections, within about
    /// a second when nothing is fetched.
    /// </summary>
    /// <exception cref="EmbeddedPostgresException">
    /// There are no server binaries and none can be fetched, the folder or the port is in use, or the server does not start.
    /// </exception>
    /// <exception cref="OperationCanceledException">
    /// The token was cancelled; the server is stopped and its temporary folder gone.
    /// </exception>
    public static Task<EmbeddedPostgres> StartAsync(
        EmbeddedPostgresOptions? options = null, CancellationToken cancellationToken = default) =>
        StartAsync(options ?? new EmbeddedPostgresOptions(), Surroundings.Current, cancellationToken);

    internal static async Task<EmbeddedPostgres> StartAsync(
        EmbeddedPostgresOptions options, Surroundings surroundings, CancellationToken cancellationToken)
    {
        ServerAccount account = surroundings.Account;
        ServerBinaries binaries = await new BinarySearch(surroundings, options)
            .FindAsync(DataFolder.MadeBy(options.DataDirectory), cancellationToken).ConfigureAwait(false);
        DataFolder folder = await DataFolder.OpenAsync(options.DataDirectory, account, cancellationToken).ConfigureAwait(false);
        try
        {
            await folder.FillAsync(binaries, account, cancellationToken).ConfigureAwait(false);
            var launcher = new ServerLauncher(folder, binaries, account, options.Settings);
            (OwnedProcess server, int port) = await launcher.StartAsync(options.Port, cancellationToken).ConfigureAwait(false);
            return new EmbeddedPostgres(folder, binaries, launcher, server, port);
        }
        catch when (folder.IsTemporary)
        {
            folder.Remove();
            throw;
        }
    }

    /// <summary>Stops the server and keeps its data. Does nothing when it is not running.</summary>
    /// <param name="immediate">
    /// <see langword="false"/>, the default, ends all sessions and closes the data in order (a fast shutdown); <see langword="true"/> skips
    /// the closing, so that the next start recovers from the log.
    /// </param>
    /// <param name="cancellationToken">Ends the wait, not the stop.</param>
    public Task StopAsync(bool immediate = false, CancellationToken cancellationToken = default) =>
        EndAsync(immediate ? StopMode.Immediate : StopMode.Fast, cancellationToken);

    /// <summary>
    /// Kills the server without a chance to close anything, as a crash does; the next start recovers. Does nothing when it is not running.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait, not the kill.</param>
    public Task KillAsync(CancellationToken cancellationToken = default) => EndAsync(StopMode.Kill, cancellationToken);

    /// <summary>Starts a stopped, killed or crashed server again, on the same port and data. Does nothing when it is running.</summary>
    /// <param name="cancellationToken">Ends the start; the server is then stopped.</param>
    /// <exception cref="EmbeddedPostgresException">The port is in use by now, or the server does not start.</exception>
    public async Task StartAgainAsync(CancellationToken cancellationToken = default)
    {
        if (_server is { HasExited: false })
            return;
        await EndAsync(StopMode.Fast, cancellationToken).ConfigureAwait(false);
        (_server, _) = await _launcher.StartAsync(Port, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Stops the server, as <see cref="StopAsync"/> does, and starts it again on the same port and data.</summary>
    /// <param name="immediate">Whether to skip the orderly closing of the data; <see langword="false"/> by default.</param>
    /// <param name="cancellationToken">Ends the wait for the stop, or the start; the server may then be stopped.</param>
    /// <exception cref="EmbeddedPostgresException">The port is in use by now, or the server does not start.</exception>
    public async Task RestartAsync(bool immediate = false, CancellationToken cancellationToken = default)
    {
        await StopAsync(immediate, cancellationToken).ConfigureAwait(false);
        await StartAgainAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Stops the server (a fast shutdown) and removes its folder if that is a temporary one.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync().ConfigureAwait(false);
        _server = null;
        if (_folder.IsTemporary)
            _folder.Remove();
    }

    async Task EndAsync(StopMode mode, CancellationToken cancellationToken)
    {
        if (_server is null)
            return;
        await _server.StopAsync(mode, cancellationToken).ConfigureAwait(false);
        await _server.DisposeAsync().ConfigureAwait(false);
        _server = null;
    }
}
