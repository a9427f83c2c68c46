using Npgsql;
using Tpq.Docs.Tests.Fixtures;

namespace Tpq.Docs.Tests;

public sealed class SchemaPageTests(Server server)
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    static Block Ddl => Assert.Single(Block.Of("docs/schema.md", "sql"));

    [Fact]
    public async Task TheStatements_AreTheLibrarys()
    {
        await using var client = new TpqClient("Host=localhost");
        Assert.Equal(client.Queue("orders").CreateScript().TrimEnd(), Ddl.Text.TrimEnd());
    }

    [Fact]
    public async Task TheStatements_MakeAQueue()
    {
        string schema = $"tpq_docs_{Guid.NewGuid():N}";
        await server.ExecuteAsync($"CREATE SCHEMA {schema}; SET search_path TO {schema}; {Ddl.Text}");
        await using var client = new TpqClient(server.UrlOf(schema));
        await client.Queue("orders").PutAsync("1", Token);
        Assert.Equal(1, await client.Queue("orders").CountAsync(Token));
        await server.ExecuteAsync($"DROP SCHEMA {schema} CASCADE");
    }

    [Fact]
    public async Task TheAdvisoryLock_IsTheOneThatThePageNames()
    {
        const string Lock = "5715380217463920831";
        Assert.Contains(Lock, Repository.Read("docs/schema.md"), StringComparison.Ordinal);
        await using var client = new TpqClient(server.UrlOf(server.Schema));
        TpqQueue queue = client.Queue("turns");
        Task<bool> create;
        await using (NpgsqlConnection holder = await server.Admin.OpenConnectionAsync(Token))
        await using (NpgsqlTransaction transaction = await holder.BeginTransactionAsync(Token))
        {
            await ScalarAsync(holder, $"SELECT pg_advisory_xact_lock({Lock})");
            create = queue.CreateAsync(cancellationToken: Token);
            while (!(bool)(await ScalarAsync(holder, $"SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND {holder.ProcessID} = ANY (pg_blocking_pids(pid)))"))!)
                Assert.False(create.IsCompleted);
        }
        Assert.True(await create);
        await queue.DropAsync(Token);
    }

    static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(Token);
    }
}
