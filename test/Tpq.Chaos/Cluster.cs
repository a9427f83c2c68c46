using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Tpq.Embedded;
using Tpq.Tests.Fixtures;

namespace Tpq.Chaos;

/// <summary>The server, each with the wire to it; or a primary with its standby, which takes its place when it dies.</summary>
sealed class Cluster : IAsyncDisposable
{
    static readonly Dictionary<string, string> Settings = new()
    {
        ["max_connections"] = "120",
        ["max_prepared_transactions"] = "10",
        ["max_wal_size"] = "256MB",
        ["wal_keep_size"] = "256MB",
        ["wal_retrieve_retry_interval"] = "200ms",
    };

    static readonly TimeSpan MostToFollow = TimeSpan.FromMinutes(2);

    readonly Standby _kind;
    readonly string _folder;
    Node _primary;
    Node? _standby;
    Proxy? _replication;
    int _made = 1;

    Cluster(Standby kind, string folder, Node primary)
    {
        _kind = kind;
        _folder = folder;
        _primary = primary;
    }

    /// <summary>The one that can be written to.</summary>
    public EmbeddedPostgres Server => _primary.Server;

    public Proxy Proxy => _primary.Proxy;

    /// <summary>How to connect, by the wires that break.</summary>
    public string ThroughProxy => Keywords(static node => node.Proxy.Port);

    /// <summary>How to connect without them.</summary>
    public string Direct => Keywords(static node => node.Server.Port);

    /// <param name="kind">Whether there is a standby.</param>
    /// <param name="folder">An empty one, where the data is to be.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<Cluster> CreateAsync(Standby kind, string folder, CancellationToken cancellationToken)
    {
        EmbeddedPostgres server = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions { DataDirectory = Path.Combine(folder, "1"), Settings = Settings }, cancellationToken);
        var cluster = new Cluster(kind, folder, new Node(server, new Proxy(server.Port)));
        if (kind != Standby.None)
            await cluster.AddStandbyAsync(port: 0, wire: null, cancellationToken);
        return cluster;
    }

    /// <summary>While it lasts, nothing reaches the standby; and what is still on its way then never will.</summary>
    public async Task HoldUpReplicationAsync(Func<Task> whileAsync)
    {
        _replication!.Stall();
        await whileAsync();
        await Server.KillAsync();
        _replication.Cut(static () => true);
        _replication.Resume();
    }

    /// <summary>The primary is killed, the standby becomes the primary, and gets a new standby in the place of the dead one.</summary>
    public async Task FailOverAsync(CancellationToken cancellationToken)
    {
        await Server.KillAsync(cancellationToken);
        await ExecuteAsync(_standby!, "SELECT pg_promote()", cancellationToken);
        Node dead = _primary;
        _primary = _standby!;
        await dead.Server.DisposeAsync();
        await AddStandbyAsync(dead.Server.Port, dead.Proxy, cancellationToken);
        Directory.Delete(dead.Server.DataDirectory, recursive: true);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Node node in Nodes)
        {
            await node.Proxy.DisposeAsync();
            await node.Server.DisposeAsync();
        }
        if (_replication is not null)
            await _replication.DisposeAsync();
    }

    IEnumerable<Node> Nodes => _standby is null ? [_primary] : [_primary, _standby];

    async Task AddStandbyAsync(int port, Proxy? wire, CancellationToken cancellationToken)
    {
        if (_replication is not null)
            await _replication.DisposeAsync();
        _replication = new Proxy(Server.Port);
        string folder = Path.Combine(_folder, (++_made).ToString(CultureInfo.InvariantCulture));
        Directory.CreateDirectory(folder);
        File.Copy(Path.Combine(Server.DataDirectory, "password"), Path.Combine(folder, "password"));
        await CopyAsync(Path.Combine(folder, "data"), cancellationToken);
        var follow = new NpgsqlConnectionStringBuilder(Server.ConnectionString);
        string conninfo = $"host={follow.Host} port={_replication.Port} user={follow.Username} password={follow.Password}";
        EmbeddedPostgres server = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions { DataDirectory = folder, Port = port, Settings = new Dictionary<string, string>(Settings) { ["primary_conninfo"] = conninfo } }, cancellationToken);
        _standby = new Node(server, wire ?? new Proxy(server.Port));
        if (_kind == Standby.Synchronous)
        {
            await ExecuteAsync(_primary, "ALTER SYSTEM SET synchronous_standby_names = '*'", cancellationToken);
            await ExecuteAsync(_primary, "SELECT pg_reload_conf()", cancellationToken);
        }
        await WaitUntilItFollowsAsync(cancellationToken);
    }

    /// <summary>A base backup of the primary at work, which takes no program that not every installation has.</summary>
    async Task CopyAsync(string data, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await ConnectAsync(_primary, cancellationToken);
        await ExecuteAsync(connection, "SELECT pg_backup_start('standby', fast => true)", cancellationToken);
        // It complains of files that come and go meanwhile, which the log makes good.
        await DebianPackage.RunAsync("sh", "-c", "cp -a \"$1\" \"$2\" || :", "sh", Path.Combine(Server.DataDirectory, "data"), data);
        var label = (string)(await ExecuteAsync(connection, "SELECT labelfile FROM pg_backup_stop()", cancellationToken))!;
        await File.WriteAllTextAsync(Path.Combine(data, "backup_label"), label, cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(data, "standby.signal"), "", cancellationToken);
        File.Delete(Path.Combine(data, "postmaster.pid"));
    }

    async Task WaitUntilItFollowsAsync(CancellationToken cancellationToken)
    {
        string follows = $"SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = '{(_kind == Standby.Synchronous ? "sync" : "async")}'";
        long began = Stopwatch.GetTimestamp();
        // The server tells nobody that a standby follows, so it is asked, until the limit.
        while (await ExecuteAsync(_primary, follows, cancellationToken) is not 1L)
        {
            if (Stopwatch.GetElapsedTime(began) > MostToFollow)
                throw new TimeoutException($"The standby has not followed its primary within {MostToFollow.TotalMinutes:0} minutes.");
            await Task.Delay(20, cancellationToken);
        }
    }

    static async Task<object?> ExecuteAsync(Node node, string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await ConnectAsync(node, cancellationToken);
        return await ExecuteAsync(connection, sql, cancellationToken);
    }

    static async Task<NpgsqlConnection> ConnectAsync(Node node, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection($"{node.Server.ConnectionString};Pooling=false");
        await connection.OpenAsync(cancellationToken);
        return connection;
    }

    static async Task<object?> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancellationToken);
    }

    string Keywords(Func<Node, int> port)
    {
        var keywords = new NpgsqlConnectionStringBuilder(Server.ConnectionString);
        if (_standby is null)
            keywords.Port = port(_primary);
        else
        {
            keywords.Host = string.Join(',', Nodes.Select(node => $"{keywords.Host}:{port(node)}"));
            keywords.Remove("Port");
            keywords.TargetSessionAttributes = "primary";
            // So long a host that was found down, or a standby, is not asked again.
            keywords.HostRecheckSeconds = 1;
        }
        return keywords.ConnectionString;
    }

    sealed record Node(EmbeddedPostgres Server, Proxy Proxy);
}
