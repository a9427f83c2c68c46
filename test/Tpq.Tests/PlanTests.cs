using System.Text.Json;
using Npgsql;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>A take is a scan of the primary key, whatever the planner has been told about the table when it made the plan.</summary>
public sealed class PlanTests(Server server) : DatabaseTest(server)
{
    static readonly string[] CacheModes = ["force_custom_plan", "force_generic_plan", "auto"];

    public static TheoryData<int, bool> Few => new(from few in new[] { 0, 1, 2, 3, 5, 50, 500 } from isHeld in new[] { false, true } select (few, isHeld));

    Sql Sql => Client.State("orders").Sql;

    [Theory]
    [InlineData("")]
    [InlineData("VACUUM ANALYZE tpq_orders")]
    [InlineData("TRUNCATE tpq_orders")]
    public async Task AFreshQueue_IsReadByItsIndex(string upkeep)
    {
        await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        await RunEachAsync(connection, upkeep);
        await ExplainAsync(connection);
    }

    [Fact]
    public async Task ItIsReadByItsIndex_AtOneMessage_AtAMillion_BackAtNone_AndAtMillions()
    {
        await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        await FillAsync(1);
        await FillAsync(1_000_000);
        await ExecuteAsync(connection, "DELETE FROM tpq_orders");
        await ExplainAsync(connection);
        await ExecuteAsync(connection, "VACUUM ANALYZE tpq_orders");
        await ExplainAsync(connection);
        await FillAsync(Server.IsLarge ? 10_000_000 : 2_000_000);

        async Task FillAsync(int count)
        {
            await ExecuteAsync(connection, $"SET tpq.quiet = 'on'; INSERT INTO tpq_orders (data) SELECT '0' FROM generate_series(1, {count})");
            await ExecuteAsync(connection, "ANALYZE tpq_orders");
            await ExplainAsync(connection);
        }
    }

    /// <summary>
    /// What an hour with a few messages leaves behind, of a queue that has had many: an index of many pages, with few entries as far as the planner knows. It
    /// has more of them where a transaction stayed open meanwhile.
    /// </summary>
    [Theory]
    [MemberData(nameof(Few))]
    public async Task AQueueThatWasAnalysedWithFewMessages_IsReadByItsIndex_WhenItHasManyAgain(int few, bool isHeld)
    {
        await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlConnection other = await OpenAsync();
        await FillAsync();
        await ExecuteAsync(connection, $"DELETE FROM tpq_orders WHERE id <= {100_000 - few}");
        if (isHeld)
            await ExecuteAsync(other, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
        await ExecuteAsync(connection, "VACUUM ANALYZE tpq_orders");
        await ExecuteAsync(connection, "DELETE FROM tpq_orders");
        // Of so few pages that it does not count anew.
        await ExecuteAsync(connection, "VACUUM tpq_orders");
        await FillAsync();
        await ExplainAsync(connection, after: 150_000);

        Task FillAsync() => ExecuteAsync(connection,
            "SET tpq.quiet = 'on'; INSERT INTO tpq_orders (data) SELECT to_json(repeat('x', 100)) FROM generate_series(1, 100000)");
    }

    [Theory]
    [InlineData("force_custom_plan")]
    [InlineData("force_generic_plan")]
    [InlineData("auto")]
    public async Task APlanThatWasMadeForTheEmptyTable_ServesAMillion(string cacheMode)
    {
        await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        await RunEachAsync(connection, $"VACUUM ANALYZE tpq_orders; SET plan_cache_mode = {cacheMode}");
        string[] names = await PrepareAsync(connection);
        // After five custom plans the server may settle for a generic one.
        for (int i = 0; i < 8; i++)
        {
            foreach (string name in names)
                await ExecuteAsync(connection, $"EXECUTE {name}");
        }
        await ExecuteAsync(connection, "SET tpq.quiet = 'on'; INSERT INTO tpq_orders (data) SELECT '0' FROM generate_series(1, 1000000)");
        foreach (string name in names)
            await IsIndexScanAsync(connection, name);
    }

    /// <summary>Whatever is sent often is parsed once for each connection.</summary>
    [Fact]
    public async Task TakesAndLeases_ArePreparedOnce()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(Enumerable.Range(1, 100).Select(i => $"{i}"), Token);
        // With no time that passes no sweep is due, whose statement would be sent now and then, and so a few times.
        await using TpqClient client = NewClient("Maximum Pool Size=1", time: new StoppedTime());
        TpqQueue own = client.Queue("orders");
        for (int i = 0; i < 12; i++)
        {
            // Given back, it is a known id, and taken carefully.
            await (await own.GetAsync(cancellationToken: Token))!.DisposeAsync();
            await using (TpqBatch batch = (await own.GetManyAsync(2, cancellationToken: Token))!)
                await batch.CommitAsync(Token);
            TpqLeaseBatch leases = (await own.LeaseAsync(2, TimeSpan.FromMinutes(1), cancellationToken: Token))!;
            await leases.CompleteAsync(Token);
        }
        await using NpgsqlConnection connection = await client.DataSource.OpenConnectionAsync(Token);
        Assert.Equal("", await ScalarAsync<string>(connection,
            """
            SELECT coalesce(string_agg(left(statement, 60) || ': ' || generic_plans + custom_plans, E'\n'), '') FROM pg_prepared_statements
            WHERE statement ~ '^(WITH known|WITH picked|DELETE)' AND generic_plans + custom_plans < 6
            """));
        Assert.InRange(await ScalarAsync<long>(connection, "SELECT count(*) FROM pg_prepared_statements WHERE statement ~ '^(WITH known|WITH picked|DELETE)'"), 3, 8);
    }

    [Fact]
    public async Task BatchesOfManySizes_AreOfTheirSize_AndHaveFewStatements()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(Enumerable.Range(1, 500).Select(i => $"{i}"), Token);
        await using TpqClient client = NewClient("Maximum Pool Size=1", time: new StoppedTime());
        for (int size = 2; size <= 20; size++)
        {
            await using TpqBatch batch = (await client.Queue("orders").GetManyAsync(size, cancellationToken: Token))!;
            Assert.Equal(size, batch.Count);
            await batch.CommitAsync(Token);
        }
        await using NpgsqlConnection connection = await client.DataSource.OpenConnectionAsync(Token);
        Assert.InRange(await ScalarAsync<long>(connection, "SELECT count(*) FROM pg_prepared_statements WHERE statement ~ '^WITH picked'"), 2, 9);
    }

    /// <summary>What DDL cannot steer: a table whose filler was truncated away. There a plan of the client's own is replaced when it turns out slow.</summary>
    [Fact]
    public async Task ABadPlan_IsMadeAnew_WhenATakeIsSlow()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"TRUNCATE \"{Schema}\".tpq_orders");
        await ExecuteAsync($"VACUUM ANALYZE \"{Schema}\".tpq_orders");
        await using TpqClient client = NewClient("Maximum Pool Size=1;Options=-c plan_cache_mode=force_generic_plan");
        TpqQueue own = client.Queue("orders");
        for (int i = 0; i < 8; i++)
            Assert.Null(await own.GetAsync(cancellationToken: Token));
        await using (NpgsqlConnection connection = await client.DataSource.OpenConnectionAsync(Token))
            Assert.Contains(await PlansAsync(connection), p => p.Contains("Seq Scan", StringComparison.Ordinal));
        await ExecuteAsync($"SET tpq.quiet = 'on'; INSERT INTO \"{Schema}\".tpq_orders (data) SELECT '0' FROM generate_series(1, 300000)");
        for (int i = 0; i < 3; i++)
        {
            await using TpqDelivery delivery = (await own.GetAsync(cancellationToken: Token))!;
            await delivery.CommitAsync(Token);
        }
        await using (NpgsqlConnection connection = await client.DataSource.OpenConnectionAsync(Token))
            Assert.DoesNotContain(await PlansAsync(connection), p => p.Contains("Seq Scan", StringComparison.Ordinal));
    }

    /// <summary>Explains the takes as they are, custom and generic.</summary>
    async Task ExplainAsync(NpgsqlConnection connection, int after = 0)
    {
        foreach (string cacheMode in CacheModes)
        {
            await ExecuteAsync(connection, $"SET plan_cache_mode = {cacheMode}");
            foreach (string name in await PrepareAsync(connection, after))
                await IsIndexScanAsync(connection, name);
        }
    }

    async Task<string[]> PrepareAsync(NpgsqlConnection connection, int after = 0)
    {
        await ExecuteAsync(connection,
            $"""
            DEALLOCATE ALL;
            PREPARE take (bigint) AS {Sql.Take};
            PREPARE take_many (bigint, int) AS {Sql.TakeMany.For(100)};
            PREPARE take_carefully (bigint, bigint[]) AS {Sql.TakeCarefully};
            PREPARE take_many_carefully (bigint, int, bigint[]) AS {Sql.TakeManyCarefully.For(100)};
            PREPARE lease (bigint, int, bigint[], interval, uuid) AS {Sql.Lease.For(100)};
            """);
        return
        [
            $"take({after})", $"take_many({after}, 100)", $"take_carefully({after}, '{{1, 2}}')", $"take_many_carefully({after}, 100, '{{1, 2}}')",
            $"lease({after}, 100, '{{1, 2}}', '1 minute', '{Guid.Empty}')",
        ];
    }

    static async Task IsIndexScanAsync(NpgsqlConnection connection, string name)
    {
        string plan = await ScalarAsync<string>(connection, $"EXPLAIN (FORMAT JSON) EXECUTE {name}");
        using var parsed = JsonDocument.Parse(plan);
        string[] nodes = [.. Nodes(parsed.RootElement[0].GetProperty("Plan"))];
        Assert.True(nodes.Contains("Index Scan") && !nodes.Contains("Seq Scan") && !nodes.Contains("Sort"), $"{name}: {plan}");
        // Such a scan reads all that is waiting.
        Assert.True(!plan.Contains("Recheck Cond\": \"(id >", StringComparison.Ordinal), $"{name}: {plan}");
    }

    /// <summary>The plans of the takes of one that the client has prepared on this connection, the plain one and the careful one.</summary>
    static async Task<List<string>> PlansAsync(NpgsqlConnection connection)
    {
        var takes = new List<string>();
        await using (var command = new NpgsqlCommand(
            """
            SELECT name, statement LIKE 'WITH%' FROM pg_prepared_statements
            WHERE statement LIKE 'DELETE%> $1%' AND statement NOT LIKE '%$2%' OR statement LIKE 'WITH known%$2%> $1%' AND statement NOT LIKE '%$3%'
            """, connection))
        await using (NpgsqlDataReader reader = await command.ExecuteReaderAsync(Token))
        {
            while (await reader.ReadAsync(Token))
                takes.Add($"\"{reader.GetString(0)}\"(0{(reader.GetBoolean(1) ? ", '{}'" : "")})");
        }
        var plans = new List<string>();
        foreach (string take in takes)
            plans.Add(await ScalarAsync<string>(connection, $"EXPLAIN (FORMAT JSON) EXECUTE {take}"));
        Assert.NotEmpty(plans);
        return plans;
    }

    static IEnumerable<string> Nodes(JsonElement plan) => plan.TryGetProperty("Plans", out JsonElement children)
        ? children.EnumerateArray().SelectMany(Nodes).Append(plan.GetProperty("Node Type").GetString()!)
        : [plan.GetProperty("Node Type").GetString()!];

    /// <summary>VACUUM wants to be a statement by itself.</summary>
    static async Task RunEachAsync(NpgsqlConnection connection, string statements)
    {
        foreach (string statement in statements.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            await ExecuteAsync(connection, statement);
    }
}
