using System.Net;
using System.Net.Sockets;

namespace Tpq.Embedded.Internal;

/// <summary>Starts the server of a filled folder and waits until it accepts connections.</summary>
sealed class ServerLauncher(
    DataFolder folder, ServerBinaries binaries, ServerAccount account, IReadOnlyDictionary<string, string>? settings)
{
    static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(10);

    /// <param name="port">0 for a free one.</param>
    /// <param name="cancellationToken">Ends the start and stops the server.</param>
    internal async Task<(WatchedProcess Server, int Port)> StartAsync(int port, CancellationToken cancellationToken)
    {
        while (true)
        {
            int candidate = port == 0 ? FreePort() : port;
            long logStart = folder.LogLength;
            if (await TryStartAsync(candidate, cancellationToken).ConfigureAwait(false) is { } server)
                return (server, candidate);

            string words = folder.ReadLog(logStart);
            if (words.Contains("could not bind", StringComparison.Ordinal))
            {
                // Another program took the free port in between: take the next.
                if (port == 0)
                    continue;
                throw new EmbeddedPostgresException($"Port {port} is in use on 127.0.0.1: choose another, or 0 for a free one.");
            }
            if (words.Contains("pre-existing shared memory block", StringComparison.Ordinal))
            {
                // The sessions of a killed server notice its death one by one.
                await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken).ConfigureAwait(false);
                continue;
            }
            if (words.Contains("lock file \"postmaster.pid\" already exists", StringComparison.Ordinal))
                throw new EmbeddedPostgresException($"{folder.FullPath} is in use by a running server: stop that, or choose another folder.");
            throw new EmbeddedPostgresException($"PostgreSQL {binaries.Version} did not start in {folder.FullPath}: {words.Trim()}");
        }
    }

    async Task<WatchedProcess?> TryStartAsync(int port, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        WatchedProcess server = await WatchedProcess.StartAsync(
            folder.Log, folder.IsTemporary ? folder.FullPath : null, CommandLine(port), start => binaries.Apply(start, account)).ConfigureAwait(false);
        try
        {
            while (!PostmasterFile.IsReady(folder.Data, server.Id))
            {
                if (server.HasExited)
                {
                    await server.DisposeAsync().ConfigureAwait(false);
                    return null;
                }
                await Task.Delay(PollInterval, cancellationToken).ConfigureAwait(false);
            }
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    IEnumerable<string> CommandLine(int port)
    {
        // A socket file would add a path that has a length limit and an owner; TCP is what every client here uses.
        string[] command =
        [
            binaries.Program("postgres"), "-D", folder.Data, "-p", $"{port}",
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
        ];
        return command.Concat((settings ?? new Dictionary<string, string>()).SelectMany(setting => new[] { "-c", $"{setting.Key}={setting.Value}" }));
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
