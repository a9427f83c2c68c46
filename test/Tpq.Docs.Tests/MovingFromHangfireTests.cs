using Hangfire;
using Hangfire.Storage;
using Npgsql;
using Tpq.Docs.Tests.Fixtures;
using static Tpq.Docs.Tests.Fixtures.Prelude;

namespace Tpq.Docs.Tests;

/// <summary>What docs/moving.md shows of Hangfire, run in the order of the page, in a database of its own: Hangfire's schema has one name.</summary>
[Collection(nameof(Prelude))]
public sealed class MovingFromHangfireTests(Server server) : IAsyncLifetime
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    readonly string _database = $"tpq_docs_{Guid.NewGuid():N}";

    public async ValueTask InitializeAsync()
    {
        await server.ExecuteAsync($"CREATE DATABASE {_database}");
        connectionString = new NpgsqlConnectionStringBuilder(server.KeywordsOf("public")) { Database = _database }.ConnectionString;
        dataSource = NpgsqlDataSource.Create(connectionString);
        tpq = new TpqClient(dataSource);
        orders = tpq.Queue("orders");
        await ExecuteAsync("CREATE TABLE purchases (id bigint PRIMARY KEY, item text); CREATE TABLE shipments (order_id bigint PRIMARY KEY)");
    }

    public async ValueTask DisposeAsync()
    {
        await tpq.DisposeAsync();
        await dataSource.DisposeAsync();
        await server.ExecuteAsync($"DROP DATABASE {_database} WITH (FORCE)");
    }

    [Fact]
    public async Task TheProgram_Runs_AndWhatIsScheduled_IsMoved()
    {
        await Snippet.RunAsync(Block.With(MovingPageTests.Page, "csharp", "orders.CreateAsync()"));
        // A retry that is an hour away is still one when the test looks.
        Block program = Changed(
            Block.With(MovingPageTests.Page, "csharp before", "BackgroundJob.Enqueue"), "Attempts = 4", "Attempts = 4, DelaysInSeconds = new[] { 3600 }");
        await Snippet.RunAsync(Changed(program, "scope.Complete();", ""), Others.Hangfire);
        Assert.Equal(0, await ScalarAsync<long>("SELECT (SELECT count(*) FROM purchases) + (SELECT count(*) FROM hangfire.job)"));
        await Snippet.RunAsync(program, Others.Hangfire);
        Assert.Equal("tea", await ScalarAsync<string>("SELECT item FROM purchases"));
        await ServeUntilAsync("SELECT count(*) = 1 FROM hangfire.job WHERE statename = 'Succeeded'");
        Assert.Equal(7, await ScalarAsync<long>("SELECT order_id FROM shipments"));

        // Run once more it fails, and waits for a retry beside the reminder.
        IMonitoringApi jobs = JobStorage.Current.GetMonitoringApi();
        await ExecuteAsync("DELETE FROM shipments; ALTER TABLE shipments ADD CHECK (order_id <> 7)");
        Assert.True(BackgroundJob.Requeue(Assert.Single(jobs.SucceededJobs(0, 100)).Key));
        await ServeUntilAsync("SELECT count(*) = 2 FROM hangfire.job WHERE statename = 'Scheduled'");
        Block left = Block.With(MovingPageTests.Page, "sql before", "hangfire.job");
        Assert.Equal("Scheduled", await ScalarAsync<string>(left.Text));

        await Snippet.RunAsync(Block.With(MovingPageTests.Page, "csharp before", "ScheduledJobs"), Others.Hangfire);
        Assert.Null(await ScalarAsync<string?>(left.Text));
        Assert.True(await ScalarAsync<bool>("""SELECT data::jsonb = '{"Id": 7, "Item": "tea"}' AND due_at BETWEEN now() + interval '30 minutes' AND now() + interval '1 hour' FROM tpq_orders_later"""));
        Assert.True(await ScalarAsync<bool>("""SELECT data::jsonb = '{"Id": 7}' AND due_at BETWEEN now() + interval '1 hour' AND now() + interval '2 hours' FROM tpq_reminders_later"""));
    }

    static Block Changed(Block block, string from, string to)
    {
        Assert.Contains(from, block.Text, StringComparison.Ordinal);
        return block with { Text = block.Text.Replace(from, to, StringComparison.Ordinal) };
    }

    /// <summary>The page's own server ends with its program. A new one looks for jobs at once.</summary>
    static async Task ServeUntilAsync(string condition)
    {
        using var stop = new CancellationTokenSource(Patience);
        using var server = new BackgroundJobServer(new BackgroundJobServerOptions { WorkerCount = 1 });
        await server.WaitForShutdownAsync(stop.Token).UntilAsync(() => ScalarAsync<bool>(condition), stop.Token);
    }

    static async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = dataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    static async Task<T> ScalarAsync<T>(string sql)
    {
        await using NpgsqlCommand command = dataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }
}
