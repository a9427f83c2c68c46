using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Tpq.Tests.Fixtures;

/// <summary>A PgBouncer in front of a server.</summary>
sealed class PgBouncer : IAsyncDisposable
{
    readonly string _folder;
    readonly ProcessStartInfo _start;
    Process? _process;

    PgBouncer(string folder, ProcessStartInfo start, string keywords)
    {
        _folder = folder;
        _start = start;
        Keywords = keywords;
    }

    /// <summary>How to connect through it.</summary>
    public string Keywords { get; }

    public static async Task<PgBouncer> StartAsync(PgBouncerPackage package, string serverKeywords, string poolMode, int poolSize = 4)
    {
        string folder = Directory.CreateTempSubdirectory("tpq-pgbouncer-").FullName;
        await PgBouncerPackage.RunAsync("chmod", "755", folder);
        int port = FreePort();
        var server = new NpgsqlConnectionStringBuilder(serverKeywords);
        await File.WriteAllTextAsync(Path.Combine(folder, "pgbouncer.ini"),
            $"""
            [databases]
            * = host={server.Host} port={server.Port} user={server.Username} password={server.Password}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = any
            pool_mode = {poolMode}
            default_pool_size = {poolSize}
            server_login_retry = 1
            """);
        var start = new ProcessStartInfo(await package.ProgramAsync(), [Path.Combine(folder, "pgbouncer.ini")]) { RedirectStandardError = true, WorkingDirectory = "/" };
        start.Environment["LD_LIBRARY_PATH"] = package.LibraryPath;
        // It refuses root.
        if (Environment.IsPrivilegedProcess)
            start.UserName = File.ReadLines("/etc/passwd").Any(l => l.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres" : "nobody";
        string keywords = new NpgsqlConnectionStringBuilder { Host = "127.0.0.1", Port = port, Username = "anybody", Database = server.Database }.ConnectionString;
        var bouncer = new PgBouncer(folder, start, keywords);
        await bouncer.StartAgainAsync();
        return bouncer;
    }

    /// <summary>Starts one that was stopped, on the same port. Does nothing when it is running.</summary>
    public async Task StartAgainAsync()
    {
        if (_process is { HasExited: false })
            return;
        _process?.Dispose();
        _process = Process.Start(_start)!;
        // Its words are read, so that it never waits for a reader.
        _process.BeginErrorReadLine();
        await WaitUntilReadyAsync(_process);
    }

    /// <summary>Kills it; all connections through it are lost.</summary>
    public async Task StopAsync()
    {
        if (_process is null)
            return;
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _process?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    async Task WaitUntilReadyAsync(Process process)
    {
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create(Keywords);
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await using NpgsqlConnection connection = await dataSource.OpenConnectionAsync();
                return;
            }
            catch (NpgsqlException) when (attempt < 200 && !process.HasExited)
            {
                // It tells nobody when it listens.
                await Task.Delay(50);
            }
        }
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
