using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Tpq.Tests.Fixtures;

/// <summary>A test with a schema of its own on the server of the run, and a client whose queues live in it.</summary>
public abstract class DatabaseTest(Server server) : IAsyncLifetime
{
    readonly string _role = $"tpq_test_{Guid.NewGuid():N}";
    TpqClient? _client;

    protected Server Server => server;

    protected string Schema => _role;

    protected TpqClient Client => _client ??= NewClient();

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public virtual async ValueTask InitializeAsync() => await ExecuteAsync($"CREATE SCHEMA \"{Schema}\"");

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_client is not null)
            await _client.DisposeAsync();
        // What a test that has failed left in hand must not keep the run for ever.
        await ExecuteAsync($"SET lock_timeout = '20s'; DROP SCHEMA \"{Schema}\" CASCADE; RESET lock_timeout");
    }

    /// <summary>A client whose tables are named with the schema; settings are Npgsql's keywords.</summary>
    protected TpqClient NewClient(string settings = "", ILoggerFactory? loggers = null, TimeProvider? time = null, bool looksByClock = true) =>
        new($"{Server.KeywordsOf(server.Url)};{settings}", new TpqClientOptions
        {
            Schema = Schema,
            LoggerFactory = loggers,
            TimeProvider = time ?? TimeProvider.System,
            LooksByClock = looksByClock,
        });

    protected async Task<TpqQueue> NewQueueAsync(string name = "orders", TpqNotify notify = TpqNotify.Auto)
    {
        TpqQueue queue = Client.Queue(name);
        Assert.True(await queue.CreateAsync(new TpqQueueOptions { Notify = notify }, Token));
        return queue;
    }

    /// <summary>A queue exactly as the Python tpq makes one.</summary>
    protected async Task<TpqQueue> NewPythonQueueAsync(string name = "orders")
    {
        await using var python = new PythonTpq(server.Url, Schema);
        await python.CreateAsync(name);
        return Client.Queue(name);
    }

    /// <summary>A caller's connection and transaction, in the test's schema.</summary>
    protected async Task<NpgsqlConnection> OpenAsync()
    {
        NpgsqlConnection connection = await server.Admin.OpenConnectionAsync(Token);
        await ExecuteAsync(connection, $"SET search_path TO \"{Schema}\"");
        return connection;
    }

    protected async Task ExecuteAsync(string sql)
    {
        await using NpgsqlConnection connection = await server.Admin.OpenConnectionAsync(CancellationToken.None);
        await ExecuteAsync(connection, sql);
    }

    protected static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    protected async Task<T> ScalarAsync<T>(string sql)
    {
        await using NpgsqlConnection connection = await OpenAsync();
        return await ScalarAsync<T>(connection, sql);
    }

    protected static async Task<T> ScalarAsync<T>(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        object? value = await command.ExecuteScalarAsync(Token);
        return value is DBNull or null ? default! : (T)value;
    }

    /// <summary>Takes and commits everything that is there.</summary>
    protected static async Task<List<string>> DrainAsync(TpqQueue queue)
    {
        var drained = new List<string>();
        while (await queue.GetAsync(cancellationToken: Token) is { } delivery)
        {
            await using (delivery)
            {
                drained.Add(delivery.Message.Json);
                await delivery.CommitAsync(Token);
            }
        }
        return drained;
    }

    /// <summary>Waits for something that another process does; fails when it has not come in time.</summary>
    public static async Task EventuallyAsync(Func<Task<bool>> isTrue, string what, int seconds = 20)
    {
        long start = Stopwatch.GetTimestamp();
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!await isTrue())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(seconds), $"Not within {seconds} s: {what}");
            await poll.WaitForNextTickAsync(Token);
        }
    }
}
