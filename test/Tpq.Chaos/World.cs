using Npgsql;
using Tpq.Embedded;

namespace Tpq.Chaos;

/// <summary>A server with the tables of a run, and the wire to it.</summary>
sealed class World : IAsyncDisposable
{
    World(EmbeddedPostgres server)
    {
        Server = server;
        Proxy = new Proxy(server.Port);
        Direct = new NpgsqlConnectionStringBuilder(server.ConnectionString) { ApplicationName = "chaos", Timeout = 5, CommandTimeout = 60, IncludeErrorDetail = true };
        ThroughProxy = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Port = Proxy.Port }.ConnectionString;
        Administration = NpgsqlDataSource.Create(Direct);
        Client = new TpqClient(Direct.ConnectionString);
    }

    public EmbeddedPostgres Server { get; }

    public Proxy Proxy { get; }

    /// <summary>How the processes connect.</summary>
    public string ThroughProxy { get; }

    /// <summary>How to connect without the proxy.</summary>
    public NpgsqlConnectionStringBuilder Direct { get; }

    public NpgsqlDataSource Administration { get; }

    /// <summary>The chaos program's own, without the proxy.</summary>
    public TpqClient Client { get; }

    public static async Task<World> CreateAsync(CancellationToken cancellationToken)
    {
        EmbeddedPostgres server = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions
        {
            Settings = new Dictionary<string, string> { ["max_connections"] = "120", ["fsync"] = "on", ["synchronous_commit"] = "on", ["max_prepared_transactions"] = "10" },
        }, cancellationToken);
        var world = new World(server);
        foreach (string queue in Names.Queues)
            await world.Client.Queue(queue).CreateAsync(cancellationToken: cancellationToken);
        await world.ExecuteAsync($"CREATE TABLE {Names.Ledger} (place bigserial, key bigint NOT NULL, kind text NOT NULL); CREATE INDEX ON {Names.Ledger} (key)", cancellationToken);
        return world;
    }

    /// <summary>The chaos program's own connections may have been hit as well: the next ones are new.</summary>
    public void ForgetConnections()
    {
        Administration.Clear();
        Client.DataSource.Clear();
    }

    public async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Administration.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async Task<T> ScalarAsync<T>(string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Administration.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>The first column of each row.</summary>
    public async Task<List<T>> ListAsync<T>(string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Administration.CreateCommand(sql);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        var list = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
            list.Add(reader.GetFieldValue<T>(0));
        return list;
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Administration.DisposeAsync();
        await Proxy.DisposeAsync();
        await Server.DisposeAsync();
    }
}
