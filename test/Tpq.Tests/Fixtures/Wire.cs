using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Tpq.Tests.Fixtures;

/// <summary>The wire to a server, on which it is counted how often a client asks for an answer.</summary>
/// <remarks>Source: PostgreSQL, Frontend/Backend Protocol, Message Formats.</remarks>
sealed class Wire : IAsyncDisposable
{
    const byte Sync = (byte)'S', Query = (byte)'Q';
    const int LengthOfHead = 5;

    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly CancellationTokenSource _end = new();
    readonly NpgsqlConnectionStringBuilder _server;
    readonly Task _accepting;
    int _roundTrips;

    public Wire(string keywords)
    {
        _server = new NpgsqlConnectionStringBuilder(keywords);
        _listener.Start();
        Keywords = $"Host=127.0.0.1;Port={((IPEndPoint)_listener.LocalEndpoint).Port};SSL Mode=Disable;GSS Encryption Mode=Disable";
        _accepting = AcceptAsync();
    }

    /// <summary>How to connect through it.</summary>
    public string Keywords { get; }

    /// <summary>Of all connections, so far. Whoever has an answer was counted.</summary>
    public int RoundTrips => Volatile.Read(ref _roundTrips);

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _end.Dispose();
    }

    async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
                connections.Add(PassAsync(await _listener.AcceptSocketAsync(_end.Token)));
        }
        finally
        {
            await Task.WhenAll(connections).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    async Task PassAsync(Socket client)
    {
        using Socket _ = client, server = await ConnectAsync();
        client.NoDelay = true;
        using var there = new NetworkStream(client);
        using var back = new NetworkStream(server);
        // Whichever side closes, the other is told.
        await await Task.WhenAny(CountAsync(there, back), back.CopyToAsync(there, _end.Token));
    }

    async Task<Socket> ConnectAsync()
    {
        EndPoint at = _server.Host!.StartsWith('/')
            ? new UnixDomainSocketEndPoint(Path.Combine(_server.Host, $".s.PGSQL.{_server.Port}"))
            : new DnsEndPoint(_server.Host, _server.Port);
        var socket = at is UnixDomainSocketEndPoint ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(at, _end.Token);
        return socket;
    }

    /// <summary>Passes on what the client says, message by message. The first one has no type.</summary>
    async Task CountAsync(NetworkStream client, NetworkStream server)
    {
        byte[] message = new byte[64 * 1024];
        for (int head = LengthOfHead - 1; ; head = LengthOfHead)
        {
            await client.ReadExactlyAsync(message.AsMemory(0, head), _end.Token);
            int length = BinaryPrimitives.ReadInt32BigEndian(message.AsSpan(head - sizeof(int))) + head - sizeof(int);
            if (length > message.Length)
                Array.Resize(ref message, length);
            await client.ReadExactlyAsync(message.AsMemory(head, length - head), _end.Token);
            // What comes in one go, as the driver's BEGIN in front of a statement, is answered in one go.
            if (head == LengthOfHead && message[0] is Sync or Query && !client.DataAvailable)
                Interlocked.Increment(ref _roundTrips);
            await server.WriteAsync(message.AsMemory(0, length), _end.Token);
        }
    }
}
