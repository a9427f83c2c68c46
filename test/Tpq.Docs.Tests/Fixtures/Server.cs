using Npgsql;
using Tpq.Embedded;

[assembly: AssemblyFixture(typeof(Tpq.Docs.Tests.Fixtures.Server))]

namespace Tpq.Docs.Tests.Fixtures;

/// <summary>The PostgreSQL of this test run: the one that TPQ_TEST_URL names, else a private one, started once.</summary>
public sealed class Server : IAsyncLifetime
{
    EmbeddedPostgres? _embedded;

    /// <summary>The URL of a superuser.</summary>
    public string Url { get; private set; } = "";

    /// <summary>The schema that TPQ_URL leads to: the shortcuts of Queues read that once for the process.</summary>
    public string Schema { get; } = $"tpq_docs_{Guid.NewGuid():N}";

    public NpgsqlDataSource Admin { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Url = Environment.GetEnvironmentVariable("TPQ_TEST_URL") ?? "";
        if (Url.Length == 0)
        {
            _embedded = await EmbeddedPostgres.StartAsync();
            Url = _embedded.Url;
        }
        Admin = NpgsqlDataSource.Create(KeywordsOf("public"));
        await ExecuteAsync($"CREATE SCHEMA {Schema}");
        Environment.SetEnvironmentVariable("TPQ_URL", UrlOf(Schema));
    }

    public async ValueTask DisposeAsync()
    {
        await ExecuteAsync($"DROP SCHEMA {Schema} CASCADE");
        await Admin.DisposeAsync();
        if (_embedded is not null)
            await _embedded.DisposeAsync();
    }

    /// <summary>The server's URL with a schema as its search path.</summary>
    public string UrlOf(string schema) => $"{Url}?options=-csearch_path%3D{schema}";

    /// <summary>The server's URL for another user.</summary>
    public string UrlFor(string user, string password) => new UriBuilder(Url) { UserName = user, Password = password }.Uri.AbsoluteUri;

    /// <summary>The same in Npgsql's keywords.</summary>
    public string KeywordsOf(string schema)
    {
        var url = new Uri(Url);
        string[] user = url.UserInfo.Split(':', 2);
        return new NpgsqlConnectionStringBuilder
        {
            Host = url.Host,
            Port = url.Port,
            Database = url.AbsolutePath[1..],
            Username = Uri.UnescapeDataString(user[0]),
            Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null,
            SearchPath = schema,
        }.ConnectionString;
    }

    public async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = Admin.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
