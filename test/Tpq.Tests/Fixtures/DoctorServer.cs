using Npgsql;
using Tpq.Embedded;

namespace Tpq.Tests.Fixtures;

/// <summary>A server of its own for what makes a whole server sick; the tests of the doctor use it one after the other.</summary>
[CollectionDefinition(nameof(DoctorServer))]
public sealed class DoctorServer : IAsyncLifetime, ICollectionFixture<DoctorServer>
{
    EmbeddedPostgres? _embedded;

    public string Url => _embedded!.Url;

    public string Keywords => _embedded!.ConnectionString;

    /// <summary>Not pooled: a session that stays would be seen, and would keep old settings.</summary>
    public NpgsqlDataSource Admin { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _embedded = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions
        {
            Settings = new Dictionary<string, string> { ["max_prepared_transactions"] = "10", ["max_connections"] = "40" },
        });
        Admin = NpgsqlDataSource.Create($"{Keywords};Pooling=false;Options=-c default_transaction_read_only=off");
    }

    public async ValueTask DisposeAsync()
    {
        await Admin.DisposeAsync();
        await _embedded!.DisposeAsync();
    }
}
