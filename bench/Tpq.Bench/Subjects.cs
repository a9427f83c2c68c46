using Tpq.Bench.Systems;

namespace Tpq.Bench;

/// <summary>The systems of a run, each started at its first use in a database of its own.</summary>
sealed class Subjects(Server server, IReadOnlyList<string> names, Conditions conditions) : IAsyncDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    readonly Dictionary<(string Name, string Key), QueueSystem> _systems = [];
    readonly Dictionary<string, QueueSystem> _described = [];

    public IReadOnlyList<string> Names => names;

    /// <summary>The systems that were started, for their description.</summary>
    public IEnumerable<QueueSystem> Described => names.Where(_described.ContainsKey).Select(name => _described[name]);

    /// <param name="name">The system's name.</param>
    /// <param name="key">Empty for the system's usual database, else the name of another one.</param>
    /// <param name="rehearse">Whether it is to be warm.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public async Task<QueueSystem> GetAsync(string name, string key, bool rehearse, CancellationToken cancellationToken)
    {
        if (_systems.TryGetValue((name, key), out QueueSystem? system))
            return system;
        Database database = await server.CreateDatabaseAsync(DatabaseName(name, key), cancellationToken);
        system = Catalog.Create(name, database, server.BinDirectory);
        try
        {
            await system.InstallAsync(cancellationToken);
            // Where a run is quick, only the first start of a system is worth the time.
            if (rehearse && (key.Length == 0 || !conditions.Quick))
                await new Rehearsal(system, conditions).RunAsync(cancellationToken);
        }
        catch
        {
            await system.DisposeAsync();
            throw;
        }
        _systems.Add((name, key), system);
        _described[name] = system;
        return system;
    }

    /// <summary>Stops a system and drops its database.</summary>
    public async Task EndAsync(string name, string key)
    {
        if (!_systems.Remove((name, key), out QueueSystem? system))
            return;
        try
        {
            await system.DisposeAsync().AsTask().WaitAsync(Patience);
            await server.DropDatabaseAsync(DatabaseName(name, key), CancellationToken.None);
        }
        catch (Exception)
        {
            // It was in trouble before; its sessions end with the server at the latest.
        }
    }

    /// <summary>Ends what was started for one case alone.</summary>
    public async Task EndKeptAsync()
    {
        foreach ((string name, string key) in _systems.Keys.Where(k => k.Key.Length > 0).ToArray())
            await EndAsync(name, key);
    }

    public async ValueTask DisposeAsync()
    {
        foreach ((string name, string key) in _systems.Keys.ToArray())
            await EndAsync(name, key);
    }

    static string DatabaseName(string name, string key) => key.Length == 0 ? name : $"{name} {key}";
}
