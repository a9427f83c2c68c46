using Npgsql;
using Tpq.Internal.Overview;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>What it costs the database, and what it takes to hide something, that depth and age are told.</summary>
[Collection(Alone.Name)]
public sealed class GaugeTests(Server server) : DatabaseTest(server)
{
    readonly Telemetry _telemetry = new();
    readonly ForwardedTime _time = new();
    readonly StatementLog _log = new();
    NpgsqlDataSource? _source;
    TpqClient? _client;

    public override async ValueTask DisposeAsync()
    {
        _telemetry.Dispose();
        if (_client is not null)
            await _client.DisposeAsync();
        if (_source is not null)
            await _source.DisposeAsync();
        await base.DisposeAsync();
    }

    /// <param name="count">How many queues: more than an overview looks into each time are one statement all the same.</param>
    [Theory]
    [InlineData(20)]
    [InlineData(OverviewReader.MostLooks + 20)]
    public async Task AllQueues_CostOneStatement(int count)
    {
        string[] names = [.. Enumerable.Range(0, count).Select(static n => $"q{n:00}")];
        TpqClient client = await UseAsync(names);
        client.Queue("nowhere");
        await PutAsync("q19", 3);
        await ToldAsync("q19", 3);
        await PutAsync("q19", 1);
        _log.Take();
        await ToldAsync("q19", 4);
        Assert.Contains(names[7], Assert.Single(_log.Take()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AQueueThatGoes_HidesNoneOfTheOthers_AndOneThatComesIsSeen()
    {
        TpqClient client = await UseAsync("orders", "mails");
        client.Queue("late");
        await PutAsync("orders", 1);
        await ToldAsync("orders", 1);
        await ExecuteAsync($"DROP TABLE \"{Schema}\".tpq_mails");
        await PutAsync("orders", 1);
        await ToldAsync("orders", 2);
        await ExecuteAsync($"SET search_path TO \"{Schema}\"; {client.Queue("late").CreateScript()}");
        await PutAsync("late", 5);
        await ToldAsync("late", 5);
        await PutAsync("late", 1);
        _log.Take();
        await ToldAsync("late", 6);
        Assert.Single(_log.Take());
    }

    [Fact]
    public async Task AQueueThatIsLocked_HidesNoneOfTheOthers()
    {
        await UseAsync("orders", "mails");
        await PutAsync("orders", 1);
        await ToldAsync("orders", 1);
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await ExecuteAsync(connection, "LOCK TABLE tpq_mails IN ACCESS EXCLUSIVE MODE");
        await PutAsync("orders", 1);
        await ToldAsync("orders", 2);
    }

    [Fact]
    public async Task AQueueThatTheRoleMayNotRead_CostsNothing()
    {
        await NewQueueAsync("hidden");
        await NewQueueAsync("seen");
        await using LimitedRole role = await LimitedRole.CreateAsync(Server, Schema, "GRANT SELECT, INSERT ON {0}.tpq_seen TO {1}");
        TpqClient client = Use(role.Settings);
        client.Queue("hidden");
        client.Queue("seen");
        await PutAsync("seen", 2);
        await ToldAsync("seen", 2);
        await PutAsync("seen", 1);
        _log.Take();
        await ToldAsync("seen", 3);
        Assert.Single(_log.Take());
    }

    [Fact]
    public async Task AQueueThatIsUpgraded_GetsAnAge()
    {
        await NewPythonQueueAsync();
        Use().Queue("orders");
        await PutAsync("orders", 1);
        await ToldAsync("orders", 1);
        Assert.Equal(0, _telemetry.Value("tpq.queue.oldest_age"));
        await ExecuteAsync($"ALTER TABLE \"{Schema}\".tpq_orders ADD COLUMN enqueued_at timestamptz NOT NULL DEFAULT now() - interval '1 hour'");
        await ToldAsync("orders", static age => age >= 3600, "tpq.queue.oldest_age");
    }

    TpqClient Use(string settings = "")
    {
        _source = _log.Create($"{Server.KeywordsOf(Server.Url)};{settings}");
        return _client = new TpqClient(_source, new TpqClientOptions { Schema = Schema, TimeProvider = _time });
    }

    /// <summary>The client under test with these queues.</summary>
    async Task<TpqClient> UseAsync(params string[] queues)
    {
        TpqClient client = Use();
        foreach (string queue in queues)
            await client.Queue(queue).CreateAsync(cancellationToken: Token);
        return client;
    }

    /// <summary>By nobody whose statements count, and whose queues are told of.</summary>
    Task PutAsync(string queue, int messages) =>
        ExecuteAsync($"SET tpq.quiet = 'on'; INSERT INTO \"{Schema}\".\"tpq_{queue}\" (data) SELECT '0' FROM generate_series(1, {messages}); RESET tpq.quiet");

    /// <summary>A collection that is not in time has no value, and goes on for the next one.</summary>
    Task ToldAsync(string queue, Func<double, bool> isRight, string metric)
    {
        _time.Forward(TimeSpan.FromMinutes(1));
        return EventuallyAsync(() => Task.FromResult(isRight(_telemetry.Value(metric, value: queue))), $"{metric} of {queue}");
    }

    Task ToldAsync(string queue, double depth) => ToldAsync(queue, told => told == depth, "tpq.queue.depth");
}
