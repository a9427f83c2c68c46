using Npgsql;
using Tpq.Embedded;
using Tpq.Tests.Fixtures;

namespace Tpq.Chaos;

/// <summary>A server with the tables of a run, and whatever stands around it.</summary>
sealed class World : IAsyncDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("tpq-chaos-server-").FullName;
    PgBouncerPackage? _package;

    World(Standby standby) => Standby = standby;

    public Standby Standby { get; }

    public Cluster Cluster { get; private set; } = null!;

    public EmbeddedPostgres Server => Cluster.Server;

    public Proxy Proxy => Cluster.Proxy;

    /// <summary>Under the server's data; null where it is on an ordinary disk.</summary>
    public SmallDisk? Disk { get; private set; }

    /// <summary>In transaction mode; null where there is none.</summary>
    public PgBouncer? Pooler { get; private set; }

    /// <summary>How to connect without the proxy.</summary>
    public NpgsqlConnectionStringBuilder Direct { get; private set; } = null!;

    /// <summary>The chaos program's own, without the proxy.</summary>
    public TpqClient Client { get; private set; } = null!;

    public NpgsqlDataSource DataSource => Client.DataSource;

    /// <param name="standby">Whether there is a standby, and which.</param>
    /// <param name="withDisk">Whether the data is to be on a small disk.</param>
    /// <param name="withPooler">Whether there is to be a PgBouncer.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<World> CreateAsync(Standby standby, bool withDisk, bool withPooler, CancellationToken cancellationToken)
    {
        var world = new World(standby);
        try
        {
            await world.StartAsync(withDisk, withPooler, cancellationToken);
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    /// <summary>The chaos program's own connections may have been hit as well: the next ones are new.</summary>
    public void ForgetConnections() => DataSource.Clear();

    public async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async Task<T> ScalarAsync<T>(string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = DataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>The first column of each row.</summary>
    public async Task<List<T>> ListAsync<T>(string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = DataSource.CreateCommand(sql);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        var list = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
            list.Add(reader.GetFieldValue<T>(0));
        return list;
    }

    public async ValueTask DisposeAsync()
    {
        if (Client is not null)
            await Client.DisposeAsync();
        if (Pooler is not null)
            await Pooler.DisposeAsync();
        _package?.Dispose();
        if (Cluster is not null)
            await Cluster.DisposeAsync();
        if (Disk is not null)
            await Disk.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    async Task StartAsync(bool withDisk, bool withPooler, CancellationToken cancellationToken)
    {
        await DebianPackage.RunAsync("chmod", "755", _folder);
        if (withDisk)
            Disk = await SmallDisk.CreateAsync();
        Cluster = await Cluster.CreateAsync(Standby, Disk?.Path ?? _folder, cancellationToken);
        if (withPooler)
            Pooler = await PgBouncer.StartAsync(_package = new PgBouncerPackage(), Server.ConnectionString, "transaction", poolSize: 15);
        Direct = new NpgsqlConnectionStringBuilder(Cluster.Direct) { ApplicationName = "chaos", Timeout = 5, CommandTimeout = 60, IncludeErrorDetail = true };
        Client = new TpqClient(Direct.ConnectionString);
        foreach (string queue in Names.Queues)
            await Client.Queue(queue).CreateAsync(cancellationToken: cancellationToken);
        await ExecuteAsync($"CREATE TABLE {Names.Ledger} (place bigserial, key bigint NOT NULL, kind text NOT NULL); CREATE INDEX ON {Names.Ledger} (key)", cancellationToken);
    }
}
