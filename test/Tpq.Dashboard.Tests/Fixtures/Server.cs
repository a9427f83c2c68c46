using Npgsql;
using Tpq.Embedded;

[assembly: AssemblyFixture(typeof(Tpq.Dashboard.Tests.Fixtures.Server))]

namespace Tpq.Dashboard.Tests.Fixtures;

/// <summary>The PostgreSQL of this test run: the one that TPQ_TEST_URL names, else a private one, started once.</summary>
public sealed class Server : IAsyncLifetime
{
    EmbeddedPostgres? _embedded;

    /// <summary>Whether the tests of load run at their full size.</summary>
    public static bool IsLarge { get; } = Environment.GetEnvironmentVariable("TPQ_TEST_LARGE") is { Length: > 0 };

    public string Url { get; private set; } = "";

    /// <summary>For the tests' own statements.</summary>
    public NpgsqlDataSource Admin { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Url = Environment.GetEnvironmentVariable("TPQ_TEST_URL") ?? "";
        if (Url.Length == 0)
        {
            _embedded = await EmbeddedPostgres.StartAsync();
            Url = _embedded.Url;
        }
        Admin = NpgsqlDataSource.Create(Tpq.Internal.ConnectionUrl.Parse(Url, "TPQ_TEST_URL").ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await Admin.DisposeAsync();
        if (_embedded is not null)
            await _embedded.DisposeAsync();
    }
}
