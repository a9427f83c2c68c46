using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Tpq.Embedded.Internal;

/// <summary>Starts the server of a filled folder and waits until it accepts connections.</summary>
sealed class ServerLauncher(
    DataFolder folder, ServerBinaries binaries, ServerAccount account, IReadOnlyDictionary<string, string>? settings)
{
    static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(10);
    static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <param name="port">0 for a free one.</param>
    /// <param name="cancellationToken">Ends the start and stops the server.</param>
    internal async Task<(OwnedProcess Server, int Port)> StartAsync(int port, CancellationToken cancellationToken)
    {
        PostmasterFile.RemoveIfForeign(folder.Data);
        long begin = Stopwatch.GetTimestamp();
        while (true)
        {
            int candidate = port == 0 ? FreePort() : port;
            long logLength = folder.LogLength;
            if (await TryStartAsync(candidate, cancellationToken).ConfigureAwait(false) is { } server)
                return (server, candidate);

            string words = folder.ReadLog(logLength);
            bool portInUse = words.Contains("could not bind", StringComparison.Ordinal);
            // A server whose owner has just been killed is still stopping, or the sessions of a killed server notice its death one by one.
            bool folderInUse = words.Contains("lock file \"postmaster.pid\" already exists", StringComparison.Ordinal)
                || words.Contains("pre-existing shared memory block", StringComparison.Ordinal);
            bool mayPass = folderInUse || (portInUse && port == 0);
            if (!mayPass || Stopwatch.GetElapsedTime(begin) > Patience)
                throw new EmbeddedPostgresException(
                    portInUse && words.Contains("Permission denied", StringComparison.Ordinal)
                    ? $"Port {port} may not be used by the account that runs the server: choose one from 1024 up, or 0 for a free one."
                    : portInUse ? $"Port {port} is in use on 127.0.0.1: choose another, or 0 for a free one."
                    : folderInUse ? $"{folder.FullPath} is in use by a running server: stop that, or choose another folder."
                    : $"PostgreSQL {binaries.Version} did not start in {folder.FullPath}: {DataFolder.LastLines(words)}");
            await Task.Delay(RetryInterval, cancellationToken).ConfigureAwait(false);
        }
    }

    async Task<OwnedProcess?> TryStartAsync(int port, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        OwnedProcess server = await OwnedProcess.StartAsync(
            CommandLine(port), folder.Log, folder.IsTemporary ? folder.FullPath : null, start => binaries.Apply(start, account))
            .ConfigureAwait(false);
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

    // No socket file: its path has a length limit, and every client here uses TCP.
    string[] CommandLine(int port) =>
    [
        binaries.Program("postgres"), "-D", folder.Data,
        .. (settings ?? new Dictionary<string, string>()).SelectMany(setting => new[] { "-c", $"{setting.Key}={setting.Value}" }),
        "-c", $"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
    ];

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
