using Npgsql;
using Tpq.Embedded;

[assembly: AssemblyFixture(typeof(Tpq.Cli.Tests.Fixtures.Server))]

namespace Tpq.Cli.Tests.Fixtures;

/// <summary>The PostgreSQL of this test run: the one that TPQ_TEST_URL names, else a private one, started once.</summary>
public sealed class Server : IAsyncLifetime
{
    EmbeddedPostgres? _embedded;

    public string Url { get; private set; } = "";

    public string Database => new Uri(Url).AbsolutePath[1..];

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
        Admin = NpgsqlDataSource.Create(Keywords());
    }

    public async ValueTask DisposeAsync()
    {
        await Admin.DisposeAsync();
        if (_embedded is not null)
            await _embedded.DisposeAsync();
    }

    /// <summary>The URL of the same server for another user.</summary>
    public string UrlFor(string user, string password) => new UriBuilder(Url) { UserName = user, Password = password }.Uri.AbsoluteUri;

    string Keywords()
    {
        var url = new Uri(Url);
        string[] user = url.UserInfo.Split(':', 2);
        return new NpgsqlConnectionStringBuilder
        {
            Host = url.Host,
            Port = url.Port,
            Database = Database,
            Username = Uri.UnescapeDataString(user[0]),
            Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null,
        }.ConnectionString;
    }
}
