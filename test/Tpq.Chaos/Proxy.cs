using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Tpq.Chaos;

/// <summary>The wire between the clients and the server, which can be cut, stalled, half opened, and cut at the moment of a COMMIT.</summary>
sealed class Proxy : IAsyncDisposable
{
    /// <summary>The server's answer to a COMMIT, as it is on the wire: CommandComplete, its length, its tag.</summary>
    static readonly byte[] Committed = [(byte)'C', 0, 0, 0, 11, .. "COMMIT\0"u8];

    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly CancellationTokenSource _end = new();
    readonly ConcurrentDictionary<Wire, bool> _wires = new();
    readonly ConcurrentQueue<TaskCompletionSource<bool>> _cutsAtCommit = new();
    readonly int _serverPort;
    readonly Task _accepting;
    TaskCompletionSource? _stall;

    public Proxy(int serverPort)
    {
        _serverPort = serverPort;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>Cuts some of the connections, both ways.</summary>
    public void Cut(Func<bool> which)
    {
        foreach (Wire wire in _wires.Keys.Where(_ => which()))
            wire.Close();
    }

    /// <summary>The clients see their connection closed, the server does not, for a while.</summary>
    public void HalfOpen(Func<bool> which)
    {
        foreach (Wire wire in _wires.Keys.Where(_ => which()))
            wire.CloseClient();
    }

    /// <summary>The server has committed, and nobody is told: the next answer to a COMMIT does not arrive, its connection is cut instead.</summary>
    /// <returns>False where nobody committed in that time.</returns>
    public async Task<bool> CutNextCommitAsync(TimeSpan patience)
    {
        var cut = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _cutsAtCommit.Enqueue(cut);
        // Perhaps nobody commits, and only time tells that: then the fault has not struck, and does not count.
        await Task.WhenAny(cut.Task, Task.Delay(patience));
        return !cut.TrySetResult(false);
    }

    /// <summary>Nothing passes until it is resumed.</summary>
    public void Stall() => _stall ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Resume()
    {
        _stall?.SetResult();
        _stall = null;
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        Resume();
        Cut(static () => true);
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _end.Dispose();
    }

    async Task AcceptAsync()
    {
        while (true)
        {
            Socket client = await _listener.AcceptSocketAsync(_end.Token);
            _ = PassAsync(client);
        }
    }

    async Task PassAsync(Socket client)
    {
        var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using var wire = new Wire(client, server);
        _wires[wire] = true;
        try
        {
            await server.ConnectAsync(IPAddress.Loopback, _serverPort, _end.Token);
            client.NoDelay = server.NoDelay = true;
            await Task.WhenAny(PumpAsync(client, server, null), PumpAsync(server, client, IsToBeCut));
            // A half open one stays open on the server's side for longer than anybody's patience.
            if (wire.IsHalfOpen)
                await Task.Delay(TimeSpan.FromSeconds(4), _end.Token);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The server is down: so is this connection.
        }
        finally
        {
            _wires.TryRemove(wire, out _);
            wire.Close();
        }
    }

    async Task PumpAsync(Socket from, Socket to, Func<ReadOnlySpan<byte>, bool>? isToBeCut)
    {
        byte[] buffer = new byte[32 * 1024];
        try
        {
            int length;
            while ((length = await from.ReceiveAsync(buffer)) > 0)
            {
                if (_stall is { } stall)
                    await stall.Task;
                if (isToBeCut?.Invoke(buffer.AsSpan(0, length)) == true)
                    return;
                for (int sent = 0; sent < length;)
                    sent += await to.SendAsync(buffer.AsMemory(sent, length - sent));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Cut, from here or from an end.
        }
    }

    bool IsToBeCut(ReadOnlySpan<byte> answer)
    {
        if (_cutsAtCommit.IsEmpty || answer.IndexOf(Committed) < 0)
            return false;
        while (_cutsAtCommit.TryDequeue(out TaskCompletionSource<bool>? cut))
        {
            if (cut.TrySetResult(true))
                return true;
        }
        return false;
    }

    sealed class Wire(Socket client, Socket server) : IDisposable
    {
        public bool IsHalfOpen { get; private set; }

        public void CloseClient()
        {
            IsHalfOpen = true;
            client.Close();
        }

        public void Close()
        {
            client.Close();
            server.Close();
        }

        public void Dispose() => Close();
    }
}
