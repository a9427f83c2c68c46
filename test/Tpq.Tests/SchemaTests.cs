using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class SchemaTests(Server server) : DatabaseTest(server)
{
    [Fact]
    public async Task Create_MakesTheTables_AndSaysSo()
    {
        TpqQueue queue = Client.Queue("orders");
        Assert.False(await queue.ExistsAsync(Token));
        Assert.True(await queue.CreateAsync(cancellationToken: Token));
        Assert.True(await queue.ExistsAsync(Token));
        Assert.False(await queue.CreateAsync(cancellationToken: Token));
        Assert.Equal("id,data,enqueued_at,attempts,headers", await ColumnsAsync("tpq_orders"));
        Assert.Equal("id,data,enqueued_at,attempts,headers,due_at,lease", await ColumnsAsync("tpq_orders_later"));
        Assert.Equal(0, await queue.CountAsync(Token));
        Assert.Equal(1, await queue.PutAsync("1", Token));
    }

    [Fact]
    public async Task Create_LeavesPagesInTheTables_SoThatThePlannerNeverSeesAnEmptyHeap()
    {
        await NewQueueAsync();
        Assert.InRange(await ScalarAsync<long>("SELECT pg_relation_size('tpq_orders') / 8192"), 16, 32);
        Assert.InRange(await ScalarAsync<long>("SELECT pg_relation_size('tpq_orders_later') / 8192"), 16, 32);
        await ExecuteAsync($"VACUUM ANALYZE \"{Schema}\".tpq_orders");
        Assert.InRange(await ScalarAsync<long>("SELECT pg_relation_size('tpq_orders') / 8192"), 16, 32);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Create_LeavesAnExistingQueueExactlyAsItIs_WhoeverMadeIt(bool python)
    {
        TpqQueue queue = python ? await NewPythonQueueAsync() : await NewQueueAsync(notify: TpqNotify.Never);
        await queue.PutAsync("1", Token);
        string before = await new SchemaDump(Server).ReadAsync(Schema, Token);
        Assert.Contains("tpq_orders", before, StringComparison.Ordinal);
        Assert.False(await queue.CreateAsync(new TpqQueueOptions { Notify = TpqNotify.Always }, Token));
        Assert.Equal(before, await new SchemaDump(Server).ReadAsync(Schema, Token));
        Assert.Equal(["1"], await DrainAsync(queue));
    }

    [Fact]
    public async Task TwentyCreatesAtOnce_AllSucceed_AndMakeOneTrigger()
    {
        await using TpqClient other = NewClient();
        Task<bool>[] creates = [.. Enumerable.Range(0, 20).Select(i => (i % 2 == 0 ? Client : other).Queue("orders").CreateAsync(cancellationToken: Token))];
        bool[] created = await Task.WhenAll(creates);
        Assert.Single(created, c => c);
        Assert.Equal(1L, await ScalarAsync<long>("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'tpq_orders'::regclass AND NOT tgisinternal"));
    }

    [Fact]
    public async Task TwentyQueuesAtOnce_ShareOneFunction()
    {
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Client.Queue($"q{i}").CreateAsync(cancellationToken: Token)));
        Assert.Equal(20, (await Client.ListAsync(Token)).Count);
        Assert.Equal(1L, await ScalarAsync<long>($"SELECT count(*) FROM pg_proc WHERE pronamespace = '\"{Schema}\"'::regnamespace"));
    }

    [Theory]
    [InlineData(TpqNotify.Auto, "orders,auto")]
    [InlineData(TpqNotify.Always, "orders,always")]
    [InlineData(TpqNotify.Never, null)]
    public async Task Create_RecordsWhatWasChosenForNotify(TpqNotify notify, string? arguments)
    {
        await using var client = new TpqClient($"{Server.KeywordsOf(Server.Url)};Search Path=\"{Schema}\"");
        await client.Queue("orders").CreateAsync(new TpqQueueOptions { Notify = notify }, Token);
        Assert.Equal(arguments, await ScalarAsync<string?>(
            "SELECT trim(',' FROM replace(encode(tgargs, 'escape'), '\\000', ',')) FROM pg_trigger WHERE tgname = 'tpq_ring' AND tgrelid = 'tpq_orders'::regclass"));
    }

    [Fact]
    public async Task Create_RefusesATableThatIsNotAQueue()
    {
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".tpq_orders (id bigserial PRIMARY KEY, data json, customer text)");
        var error = await Assert.ThrowsAsync<TpqException>(() => Client.Queue("orders").CreateAsync(cancellationToken: Token));
        Assert.Contains("is not a queue", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CreateScript_MakesTheSameQueue_WhenItIsRunByHand()
    {
        await NewQueueAsync();
        string made = await new SchemaDump(Server).ReadAsync(Schema, Token);
        await Client.Queue("orders").DropAsync(Token);
        await ExecuteAsync(Client.Queue("orders").CreateScript());
        Assert.Equal(made, await new SchemaDump(Server).ReadAsync(Schema, Token));
    }

    [Fact]
    public async Task Upgrade_AddsWhatIsMissing_InPlace_KeepingEveryMessage()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        string oid = await ScalarAsync<string>("SELECT 'tpq_orders'::regclass::oid::text");
        Assert.True(await queue.UpgradeAsync(Token));
        Assert.False(await queue.UpgradeAsync(Token));
        Assert.Equal(oid, await ScalarAsync<string>("SELECT 'tpq_orders'::regclass::oid::text"));
        Assert.Equal("id,data,enqueued_at,attempts,headers", await ColumnsAsync("tpq_orders"));
        Assert.Equal("id,data,enqueued_at,attempts,headers,due_at,lease", await ColumnsAsync("tpq_orders_later"));
        Assert.Equal("tpq_insert_orders", await ScalarAsync<string>(
            "SELECT string_agg(tgname::text, ',') FROM pg_trigger WHERE tgrelid = 'tpq_orders'::regclass AND NOT tgisinternal"));
        await queue.PutAsync(new TpqPut("3") { Headers = new Dictionary<string, string> { ["a"] = "b" } }, Token);
        Assert.Equal(["1", "2", "3"], await DrainAsync(queue));
    }

    [Fact]
    public async Task Upgrade_HasNothingToDo_ForAQueueOfThisVersion_EvenWhileAMessageIsInHand()
    {
        TpqQueue queue = await NewQueueAsync(notify: TpqNotify.Never);
        await queue.PutAsync("1", Token);
        await using TpqDelivery held = (await queue.GetAsync(cancellationToken: Token))!;
        string before = await new SchemaDump(Server).ReadAsync(Schema, Token);
        Assert.False(await queue.UpgradeAsync(Token));
        Assert.Equal(before, await new SchemaDump(Server).ReadAsync(Schema, Token));
    }

    [Fact]
    public async Task Upgrade_KeepsTheStorageSettingsThatSomebodyChose()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        await ExecuteAsync($"ALTER TABLE \"{Schema}\".tpq_orders SET (fillfactor = 70)");
        await queue.UpgradeAsync(Token);
        Assert.Equal("fillfactor=70", await ScalarAsync<string>("SELECT array_to_string(reloptions, ',') FROM pg_class WHERE oid = 'tpq_orders'::regclass"));
    }

    [Fact]
    public async Task Upgrade_WaitsForAMessageInHand_AndLetsPutsPass()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        await queue.PutAsync("1", Token);
        TpqDelivery held = (await queue.GetAsync(cancellationToken: Token))!;
        Task<bool> upgrade = queue.UpgradeAsync(Token);
        for (int i = 0; i < 20; i++)
            await queue.PutAsync("2", Token);
        Assert.False(upgrade.IsCompleted);
        await held.CommitAsync(Token);
        Assert.True(await upgrade);
        Assert.Equal(20, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task UpgradeAndDrop_NameWhoIsInTheWay_AtLast()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        await queue.PutAsync("1", Token);
        await using TpqDelivery held = (await queue.GetAsync(cancellationToken: Token))!;
        TpqException[] errors = await Task.WhenAll(
            Assert.ThrowsAsync<TpqException>(() => queue.UpgradeAsync(Token)), Assert.ThrowsAsync<TpqException>(() => queue.DropAsync(Token)));
        Assert.All(errors, e => Assert.Contains($"process {held.Connection.ProcessID} (application \"tpq\"", e.Message, StringComparison.Ordinal));
        Assert.Equal("id,data", await ColumnsAsync("tpq_orders"));
    }

    [Fact]
    public async Task UpgradeAndDrop_Refuse_WhatIsMissingOrNotAQueue()
    {
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nope").UpgradeAsync(Token));
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nope").DropAsync(Token));
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".tpq_customers (id bigint PRIMARY KEY, data json NOT NULL, name text)");
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".tpq_texts (id bigint PRIMARY KEY, data text NOT NULL)");
        await ExecuteAsync($"CREATE VIEW \"{Schema}\".tpq_view AS SELECT 1::bigint AS id, '1'::json AS data");
        foreach (string table in (string[])["customers", "texts", "view"])
        {
            await Assert.ThrowsAsync<TpqException>(() => Client.Queue(table).UpgradeAsync(Token));
            await Assert.ThrowsAsync<TpqException>(() => Client.Queue(table).DropAsync(Token));
            Assert.False(await Client.Queue(table).ExistsAsync(Token));
        }
        Assert.Equal(3L, await ScalarAsync<long>($"SELECT count(*) FROM pg_class WHERE relnamespace = '\"{Schema}\"'::regnamespace AND relkind IN ('r', 'v')"));
    }

    [Fact]
    public async Task Drop_TakesEverythingAlong_ButTheDeadLetterQueueAndWhatOthersUse()
    {
        TpqQueue orders = await NewQueueAsync(), dead = await NewQueueAsync("orders_dead");
        await orders.PutAsync("1", Token);
        await orders.DropAsync(Token);
        Assert.False(await orders.ExistsAsync(Token));
        Assert.True(await dead.ExistsAsync(Token));
        await dead.PutAsync("1", Token);
        await dead.DropAsync(Token);
        Assert.Equal(0L, await ObjectsAsync());
        TpqQueue python = await NewPythonQueueAsync();
        await python.DropAsync(Token);
        Assert.Equal(0L, await ObjectsAsync());
    }

    [Fact]
    public async Task Prefix_IsASetting()
    {
        await using var bare = new TpqClient(Server.KeywordsOf(Server.Url), new TpqClientOptions { Schema = Schema, TablePrefix = "" });
        await bare.Queue("orders").CreateAsync(cancellationToken: Token);
        await NewQueueAsync();
        Assert.Equal(2L, await ScalarAsync<long>($"SELECT count(*) FROM pg_tables WHERE schemaname = '{Schema}' AND tablename IN ('orders', 'tpq_orders')"));
        await bare.Queue("orders").PutAsync("1", Token);
        Assert.Equal(0, await Client.Queue("orders").CountAsync(Token));
        Assert.Equal(["orders", "tpq_orders"], (await bare.ListAsync(Token)).Select(q => q.Name));
    }

    Task<string> ColumnsAsync(string table) => ScalarAsync<string>(
        $"SELECT string_agg(attname::text, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0");

    Task<long> ObjectsAsync() => ScalarAsync<long>(
        $"SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = '\"{Schema}\"'::regnamespace) + (SELECT count(*) FROM pg_proc WHERE pronamespace = '\"{Schema}\"'::regnamespace)");

    [Fact]
    public async Task Drop_LeavesAQueueOfPythonsThatHasTheCompanionsName()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        await using (var python = new PythonTpq(Server.Url, Schema))
            await python.CreateAsync("orders_later");
        await Assert.ThrowsAsync<TpqException>(() => queue.UpgradeAsync(Token));
        await queue.DropAsync(Token);
        Assert.Equal("tpq_orders_later", await ScalarAsync<string>($"SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = '{Schema}'"));
        var error = await Assert.ThrowsAsync<TpqException>(() => queue.CreateAsync(cancellationToken: Token));
        Assert.Contains("tpq_orders_later", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheCompanionLivesInTheQueuesSchema_WhereverTheSearchPathLeads()
    {
        string first = $"{Schema}_first";
        await NewPythonQueueAsync();
        await ExecuteAsync($"CREATE SCHEMA \"{first}\"");
        try
        {
            await using var client = new TpqClient($"{Server.KeywordsOf(Server.Url)};Search Path='\"{first}\",\"{Schema}\"'");
            TpqQueue queue = client.Queue("orders");
            Assert.True(await queue.UpgradeAsync(Token));
            Assert.Equal(Schema, await ScalarAsync<string>($"SELECT string_agg(schemaname, ',') FROM pg_tables WHERE tablename = 'tpq_orders_later' AND schemaname LIKE '{Schema}%'"));
            await ExecuteAsync($"CREATE TABLE \"{first}\".tpq_orders_later (id bigint)");
            await queue.DropAsync(Token);
            Assert.Equal(first, await ScalarAsync<string>($"SELECT string_agg(schemaname, ',') FROM pg_tables WHERE schemaname LIKE '{Schema}%'"));
        }
        finally
        {
            await ExecuteAsync($"DROP SCHEMA \"{first}\" CASCADE");
        }
    }

    [Fact]
    public async Task Create_SaysThatTheSchemaIsMissing()
    {
        await using var client = new TpqClient(Server.KeywordsOf(Server.Url), new TpqClientOptions { Schema = "no such schema" });
        var error = await Assert.ThrowsAsync<PostgresException>(() => client.Queue("orders").CreateAsync(cancellationToken: Token));
        Assert.Equal(PostgresErrorCodes.InvalidSchemaName, error.SqlState);
    }

    [Fact]
    public async Task ARole_DropsItsQueue_ThoughAnotherMadeTheFunction()
    {
        await NewQueueAsync("first");
        await using var role = await LimitedRole.CreateAsync(Server, Schema, "GRANT ALL ON SCHEMA {0} TO {1}");
        await using TpqClient client = NewClient(role.Settings);
        Assert.True(await client.Queue("second").CreateAsync(cancellationToken: Token));
        await Client.Queue("first").DropAsync(Token);
        await client.Queue("second").DropAsync(Token);
        Assert.Empty(await Client.ListAsync(Token));
    }
}
