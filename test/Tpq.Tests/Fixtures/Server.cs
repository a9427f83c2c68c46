using Npgsql;
using Tpq.Embedded;

[assembly: AssemblyFixture(typeof(Tpq.Tests.Fixtures.Server))]

namespace Tpq.Tests.Fixtures;

/// <summary>The PostgreSQL of this test run: the one that TPQ_TEST_URL names, else a private one, started once.</summary>
public sealed class Server : IAsyncLifetime
{
    EmbeddedPostgres? _embedded;

    /// <summary>Whether the tests of load run at their full size.</summary>
    public static bool IsLarge { get; } = Environment.GetEnvironmentVariable("TPQ_TEST_LARGE") is { Length: > 0 };

    public string Url { get; private set; } = "";

    /// <summary>For the tests' own statements, which look from outside the client under test.</summary>
    public NpgsqlDataSource Admin { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("TPQ_TEST_URL") is { Length: > 0 } url)
        {
            Url = url;
        }
        else
        {
            _embedded = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions
            {
                Settings = new Dictionary<string, string> { ["max_connections"] = "400" },
            });
            Url = _embedded.Url;
        }
        Admin = NpgsqlDataSource.Create(KeywordsOf(Url));
        // What the shortcuts of Queues read, once for the process.
        Environment.SetEnvironmentVariable("TPQ_URL", Url);
    }

    public async ValueTask DisposeAsync()
    {
        await Admin.DisposeAsync();
        if (_embedded is not null)
            await _embedded.DisposeAsync();
    }

    /// <summary>The URL as Npgsql's keywords, read by the code under test, which has tests of its own.</summary>
    public static string KeywordsOf(string url) => Tpq.Internal.ConnectionUrl.Parse(url, "TPQ_TEST_URL").ConnectionString;
}
