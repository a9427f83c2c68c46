using System.Globalization;
using Npgsql;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>What makes the tables of a queue sick.</summary>
public sealed class DoctorQueueTests(DoctorServer server) : DoctorTest(server)
{
    [Fact]
    public async Task DeadRows_AreFound()
    {
        await using (TpqClient client = NewClient())
        {
            TpqQueue queue = client.Queue("it's \"odd\"");
            await queue.CreateAsync(cancellationToken: Token);
            await queue.PutManyAsync(Enumerable.Range(0, 500).Select(n => $"{n}"), Token);
            await queue.ClearAsync(Token);
        }
        Assert.Empty(await ExamineAsync());
        Limits = Limits with { DeadRows = 300, VacuumAge = TimeSpan.Zero };
        Finding finding = await FoundAsync("dead-rows", Severity.Warning);
        Assert.Equal("it's \"odd\"", finding.Queue);
        Assert.Contains("it was never vacuumed", finding.Evidence);
        await MendsAsync(finding);
    }

    [Fact]
    public async Task AnIndexThatHasGrown_IsFound()
    {
        TpqQueue queue = await NewQueueAsync("orders", [.. Enumerable.Range(0, 20_000).Select(n => $"{n}")]);
        await queue.ClearAsync(Token);
        await ExecuteAsync("VACUUM ANALYZE tpq_orders");
        await HealthyAsync();
        Limits = Limits with { IndexBytes = 100 << 10 };
        Finding finding = await FoundAsync("index-bloat", Severity.Warning);
        Assert.Equal("REINDEX INDEX CONCURRENTLY public.tpq_orders_pkey", finding.Remedy);
        await MendsAsync(finding);
    }

    [Theory]
    [InlineData("autovacuum", "Error", "ALTER TABLE tpq_orders SET (autovacuum_enabled = off)")]
    [InlineData("autovacuum", "Error", "ALTER TABLE tpq_orders_later SET (autovacuum_enabled = false)")]
    [InlineData("storage", "Info", "ALTER TABLE tpq_orders SET (autovacuum_vacuum_threshold = 50000)")]
    [InlineData("storage", "Info", "ALTER TABLE tpq_orders_later RESET (vacuum_truncate, autovacuum_vacuum_cost_delay)")]
    [InlineData("columns", "Error", "ALTER TABLE tpq_orders_later DROP COLUMN headers, DROP COLUMN attempts")]
    [InlineData("index", "Warning", "DROP INDEX tpq_orders_later_due_at_idx")]
    [InlineData("columns", "Error", "ALTER TABLE tpq_orders ADD COLUMN \"Odd, one\" int, ADD COLUMN other int")]
    [InlineData("columns", "Error", "ALTER TABLE tpq_orders ALTER COLUMN data TYPE jsonb")]
    [InlineData("columns", "Error", "ALTER TABLE tpq_orders ALTER COLUMN id TYPE int")]
    [InlineData("columns", "Error", "ALTER TABLE tpq_orders DROP CONSTRAINT tpq_orders_pkey")]
    [InlineData("columns", "Error", "ALTER TABLE tpq_orders DROP COLUMN data")]
    [InlineData("sequence", "Error", "ALTER TABLE tpq_orders ALTER COLUMN id DROP DEFAULT")]
    [InlineData("sequence", "Error", "DROP SEQUENCE tpq_orders_id_seq CASCADE")]
    [InlineData("sequence", "Error", "ALTER SEQUENCE tpq_orders_id_seq OWNED BY NONE")]
    [InlineData("sequence", "Error", "ALTER SEQUENCE tpq_orders_id_seq CYCLE")]
    [InlineData("sequence", "Error", "ALTER SEQUENCE tpq_orders_id_seq AS int RESTART 2000000000; SELECT nextval('tpq_orders_id_seq')")]
    [InlineData("sequence", "Warning", "ALTER SEQUENCE tpq_orders_id_seq CACHE 20")]
    [InlineData("sequence", "Error", "ALTER SEQUENCE tpq_orders_id_seq RESTART")]
    [InlineData("sequence", "Error", "INSERT INTO tpq_orders_later (id, data, enqueued_at, attempts, due_at) VALUES (77, '1', now(), 0, now() + interval '1 day')")]
    [InlineData("trigger", "Info", "DROP TRIGGER tpq_ring ON tpq_orders")]
    [InlineData("trigger", "Info", "DROP FUNCTION tpq_ring CASCADE")]
    [InlineData("trigger", "Warning", "ALTER TABLE tpq_orders DISABLE TRIGGER tpq_ring")]
    [InlineData("trigger", "Warning", "ALTER TABLE tpq_orders ENABLE REPLICA TRIGGER tpq_ring")]
    [InlineData("trigger", "Warning", "{0} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (true) EXECUTE FUNCTION tpq_ring('other', 'auto')")]
    [InlineData("trigger", "Warning", "{0} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (true) EXECUTE FUNCTION tpq_ring('orders')")]
    [InlineData("trigger", "Warning", "{0} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (true) EXECUTE FUNCTION tpq_ring('orders', 'never')")]
    [InlineData("trigger", "Warning", "{0} DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW WHEN (true) EXECUTE FUNCTION tpq_ring('orders', 'auto')")]
    [InlineData("trigger", "Warning", "{0} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tpq_ring('orders', 'always')")]
    [InlineData("addition", "Info", "ALTER TABLE tpq_orders ADD CONSTRAINT \"100% odd\" CHECK (data::text <> 'null'), ADD UNIQUE (id, attempts)")]
    [InlineData("addition", "Info", "CREATE TRIGGER audit BEFORE INSERT ON tpq_orders_later FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()")]
    [InlineData("trigger-function", "Warning", "CREATE OR REPLACE FUNCTION tpq_ring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")]
    public async Task AnAlteredTable_IsFound(string check, string severity, string statements)
    {
        TpqQueue queue = await NewQueueAsync("orders", "1", "2");
        await HealthyAsync();
        await ExecuteAsync(string.Format(CultureInfo.InvariantCulture, statements, "DROP TRIGGER tpq_ring ON tpq_orders; CREATE CONSTRAINT TRIGGER tpq_ring AFTER INSERT ON tpq_orders"));
        await MendsAsync(await FoundAsync(check, Enum.Parse<Severity>(severity)));
        await queue.PutAsync("3", Token);
        await queue.PutAsync(new TpqPut("4") { Delay = TimeSpan.FromHours(1) }, Token);
        await HealthyAsync();
    }

    [Theory]
    [InlineData("ALTER TABLE tpq_orders DROP COLUMN attempts", "column attempts")]
    [InlineData("DROP TABLE tpq_orders_later", "table tpq_orders_later")]
    [InlineData("ALTER TABLE tpq_orders RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_vacuum_cost_delay, vacuum_truncate)", "settings for autovacuum")]
    public async Task AQueueThatLacksSomething_IsFound_AndUpgradeMendsIt(string statement, string lack)
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync(statement);
        Finding finding = await FoundAsync("upgrade", Severity.Warning);
        Assert.Contains(lack, finding.Evidence);
        Assert.Equal("tpq upgrade orders", finding.Remedy);
        Assert.True(await queue.UpgradeAsync(Token));
        await HealthyAsync();
    }

    [Fact]
    public async Task APythonQueue_WantsAnUpgrade_AndNothingElse()
    {
        await using (var python = new PythonTpq(Url, "public"))
        {
            await python.CreateAsync("orders");
            await python.PutAsync("orders", "1");
        }
        Finding finding = await FoundAsync("upgrade", Severity.Warning);
        Assert.Equal("Missing: column enqueued_at, column attempts, column headers, table tpq_orders_later, settings for autovacuum.", finding.Evidence);
        Assert.True(await Client.Queue("orders").UpgradeAsync(Token));
        await HealthyAsync();
    }

    [Fact]
    public async Task ACompanionThatIsSomethingElse_IsFound()
    {
        await NewQueueAsync();
        await ExecuteAsync("DROP TABLE tpq_orders_later", "CREATE TABLE tpq_orders_later (x int)");
        Finding finding = await FoundAsync("columns", Severity.Error);
        string[] steps = finding.Remedy.Split("; then: ");
        Assert.Equal("tpq upgrade orders", steps[1]);
        await ExecuteAsync(steps[0]);
        Assert.True(await Client.Queue("orders").UpgradeAsync(Token));
        await HealthyAsync();
    }

    [Fact]
    public async Task OnlyTheQueuesThatAreNamed_AreExamined()
    {
        await NewQueueAsync("sound");
        await NewQueueAsync("sick");
        await NewQueueAsync("strange");
        await ExecuteAsync("ALTER TABLE tpq_sick DISABLE TRIGGER tpq_ring", "ALTER TABLE tpq_strange ADD COLUMN x int");
        Assert.Empty(await ExamineAsync("sound"));
        Assert.Equal(["strange", "sick"], (await ExamineAsync()).Select(f => f.Queue));
        Assert.Equal(["strange"], (await ExamineAsync("strange", "sound")).Select(f => f.Queue));
        var error = await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => ExamineAsync("sound", "missing"));
        Assert.Equal("missing", error.Queue);
    }

    [Fact]
    public async Task ATableThatIsDroppedMeanwhile_IsLeftOut()
    {
        await NewQueueAsync("sound");
        await NewQueueAsync("dropped");
        await ExecuteAsync("ALTER TABLE tpq_sound DISABLE TRIGGER tpq_ring");
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction drop = await connection.BeginTransactionAsync(Token);
        await ExecuteAsync(connection, "DROP TABLE tpq_dropped, tpq_dropped_later");
        Task<Finding[]> examining = ExamineAsync();
        await DatabaseTest.EventuallyAsync(async () =>
        {
            await using NpgsqlConnection other = await OpenAsync();
            await using var waits = new NpgsqlCommand("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)", other);
            return (bool)(await waits.ExecuteScalarAsync(Token))!;
        }, "the doctor waits for the table");
        await drop.CommitAsync(Token);
        Assert.Equal("sound", Assert.Single(await examining).Queue);
    }

    [Fact]
    public async Task ALockedTable_IsSaid_AndIsNoError()
    {
        await NewQueueAsync();
        Limits = Limits with { StatementSeconds = 1 };
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await ExecuteAsync(connection, "LOCK TABLE tpq_orders");
        Finding[] found = await ExamineAsync();
        Assert.All(found, f => Assert.Equal(("visibility", Severity.Info), (f.Check, f.Severity)));
        Assert.Contains(found, f => f is { Title: "Could not look at queue \"orders\".", Evidence: "It took more than 1 s.", Remedy: "tpq doctor" });
        await transaction.RollbackAsync(Token);
        await HealthyAsync();
    }
}
