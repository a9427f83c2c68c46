using Npgsql;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>What makes a server, a database or a role sick.</summary>
public sealed class DoctorServerTests(DoctorServer server) : DoctorTest(server)
{
    [Fact]
    public async Task ABusyServer_IsHealthy()
    {
        TpqQueue orders = await NewQueueAsync("orders", [.. Enumerable.Range(0, 500).Select(n => $"{n}")]);
        TpqQueue idle = await NewQueueAsync("it's \"odd\"");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        int handled = 0;
        var all = new TaskCompletionSource();
        Task consume = orders.ConsumeAsync((_, _) =>
        {
            if (Interlocked.Increment(ref handled) == 500)
                all.SetResult();
            return Task.CompletedTask;
        }, new TpqConsumeOptions { Concurrency = 4 }, stop.Token);
        Task<TpqDelivery?> sleeper = idle.GetAsync(Timeout.InfiniteTimeSpan, stop.Token);
        Assert.Empty(await ExamineAsync());
        await all.Task.WaitAsync(TimeSpan.FromMinutes(1), Token);
        await orders.PutAsync(new TpqPut("1") { Delay = TimeSpan.FromHours(1) }, Token);
        Assert.Empty(await ExamineAsync());
        await stop.CancelAsync();
        await consume;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sleeper);
    }

    [Theory]
    [InlineData("SELECT pg_current_xact_id()", "keeps VACUUM from removing dead rows", 1)]
    [InlineData("SELECT 1", "is idle, and keeps its locks", 1)]
    [InlineData("SELECT 1", "is idle", 0)]
    public async Task ALongTransaction_IsFound(string statement, string title, int graveHours)
    {
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await ExecuteAsync(connection, statement);
        // The driver's portal of a SELECT keeps its snapshot until the next statement.
        await ExecuteAsync(connection, "SET application_name = 'left open'");
        await HealthyAsync();
        Limits = Limits with { LongTransaction = TimeSpan.Zero, GraveTransaction = TimeSpan.FromHours(graveHours) };
        Finding finding = await FoundAsync("long-transaction", graveHours == 0 ? Severity.Error : Severity.Warning);
        Assert.Contains(title, finding.Title);
        Assert.Contains($"Process {connection.ProcessID} (application \"left open\"", finding.Evidence);
        Assert.Contains("is idle in transaction; its transaction began", finding.Evidence);
        await MendsAsync(finding);
    }

    [Fact]
    public async Task APreparedTransaction_IsFound()
    {
        await ExecuteAsync("BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'it''s \\ forgotten'");
        await HealthyAsync();
        Limits = Limits with { LongTransaction = TimeSpan.Zero };
        Finding finding = await FoundAsync("prepared-transaction", Severity.Warning);
        Assert.Contains("Transaction \"it's \\ forgotten\"", finding.Evidence);
        await MendsAsync(finding);
    }

    [Fact]
    public async Task ASlotThatNobodyReads_IsFound()
    {
        await ServerAsync("SELECT pg_create_physical_replication_slot('forgotten', true)");
        await HealthyAsync();
        Limits = Limits with { SlotBytes = 0 };
        Finding finding = await FoundAsync("replication-slot", Severity.Warning);
        Assert.Contains("\"forgotten\" is not active", finding.Evidence);
        await MendsAsync(finding);
    }

    [Fact]
    public async Task ASlotThatIsLost_IsFound()
    {
        await ExecuteAsync("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'", "SELECT pg_reload_conf()", "SELECT pg_create_physical_replication_slot('lost', true)", "CREATE TABLE log (line text)");
        await HealthyAsync();
        await ExecuteAsync("INSERT INTO log VALUES ('1')", "SELECT pg_switch_wal()", "INSERT INTO log VALUES ('2')", "SELECT pg_switch_wal()", "INSERT INTO log VALUES ('3')", "CHECKPOINT");
        Finding finding = await FoundAsync("replication-slot", Severity.Warning);
        Assert.Equal("Slot \"lost\" has the state \"lost\".", finding.Evidence);
        await MendsAsync(finding);
    }

    [Theory]
    [InlineData("ALTER DATABASE {0} CONNECTION LIMIT 1", "database")]
    [InlineData("ALTER ROLE CURRENT_USER CONNECTION LIMIT 1", "role")]
    public async Task ALimitOfConnections_IsFound(string statement, string bound)
    {
        await ServerAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, statement, Database));
        Finding finding = await FoundAsync("connections", Severity.Error);
        Assert.Contains(bound, finding.Title);
        await MendsAsync(finding);
    }

    [Fact]
    public async Task ConnectionsNearTheLimit_AreFound()
    {
        var connections = new List<NpgsqlConnection>();
        try
        {
            while (connections.Count < 31)
                connections.Add(await OpenAsync());
            Finding finding = await FoundAsync("connections", Severity.Warning);
            Assert.Contains("of 37 are in use", finding.Evidence);
            Assert.StartsWith("ALTER SYSTEM SET max_connections = 74;", finding.Remedy, StringComparison.Ordinal);
        }
        finally
        {
            foreach (NpgsqlConnection connection in connections)
                await connection.DisposeAsync();
        }
        await HealthyAsync();
    }

    [Theory]
    [InlineData("durability", "Error", "ALTER SYSTEM SET fsync = off")]
    [InlineData("durability", "Error", "ALTER SYSTEM SET full_page_writes = off")]
    [InlineData("durability", "Warning", "ALTER SYSTEM SET synchronous_commit = off")]
    [InlineData("durability", "Warning", "ALTER DATABASE {0} SET synchronous_commit = off")]
    [InlineData("durability", "Warning", "ALTER ROLE CURRENT_USER SET synchronous_commit = off")]
    [InlineData("durability", "Warning", "ALTER ROLE CURRENT_USER IN DATABASE {0} SET synchronous_commit = off")]
    [InlineData("autovacuum", "Error", "ALTER SYSTEM SET autovacuum = off")]
    [InlineData("autovacuum", "Error", "ALTER SYSTEM SET track_counts = off")]
    [InlineData("read-only", "Error", "ALTER DATABASE {0} SET default_transaction_read_only = on")]
    [InlineData("timeout", "Warning", "ALTER DATABASE {0} SET idle_in_transaction_session_timeout = '2min'")]
    [InlineData("timeout", "Warning", "ALTER SYSTEM SET idle_in_transaction_session_timeout = '299s'")]
    [InlineData("timeout", "Info", "ALTER ROLE CURRENT_USER SET statement_timeout = '1min'")]
    [InlineData("timeout", "Info", "ALTER ROLE CURRENT_USER IN DATABASE {0} SET lock_timeout = '10s'")]
    public async Task ASetting_IsFound(string check, string severity, string statement)
    {
        await ServerAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, statement, Database));
        await ServerAsync("SELECT pg_reload_conf()");
        await MendsAsync(await FoundAsync(check, Enum.Parse<Severity>(severity)));
    }

    [Fact]
    public async Task ATransactionTimeout_IsFound()
    {
        await using NpgsqlConnection connection = await OpenAsync();
        Assert.SkipWhen(connection.PostgreSqlVersion.Major < 17, "transaction_timeout came with PostgreSQL 17");
        await ServerAsync($"ALTER DATABASE {Database} SET transaction_timeout = '1min'");
        await MendsAsync(await FoundAsync("timeout", Severity.Warning));
    }

    /// <summary>What the command line says goes before ALTER SYSTEM, so that would mend nothing.</summary>
    [Fact]
    public async Task ASettingOfTheCommandLine_IsMendedThere()
    {
        await using NpgsqlConnection connection = await OpenAsync();
        await using var command = new NpgsqlCommand(
            "SELECT 'fsync' AS name, 'off' AS value, 'command line' AS source, 'sighup' AS context, 'r' AS role, 'd' AS database", connection);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(Token);
        Assert.True(await reader.ReadAsync(Token));
        Finding finding = Assert.Single(ServerSettings.All).Find(new Row(reader), new Scope(null, "tpq_", TimeProvider.System, Limits))!;
        Assert.Equal("Take fsync out of the server's command line, and restart the server.", finding.Remedy);
    }

    [Fact]
    public async Task ASettingOfTheConnection_IsFound()
    {
        await using TpqClient client = NewClient("Options=-c idle_in_transaction_session_timeout=1min");
        Finding finding = Assert.Single(await ExamineAsync(client));
        Assert.Equal(("timeout", Severity.Warning), (finding.Check, finding.Severity));
        Assert.Contains("is 1m 0s", finding.Evidence);
        Assert.Contains("connection string's Options", finding.Remedy);
    }

    [Theory]
    [InlineData(1, "ahead of")]
    [InlineData(-1, "behind")]
    public async Task AClockThatIsWrong_IsFound(int hours, string where)
    {
        await using TpqClient client = NewClient(time: new ShiftedTime(TimeSpan.FromHours(hours)));
        Finding finding = Assert.Single(await ExamineAsync(client));
        Assert.Equal(("clock", Severity.Warning), (finding.Check, finding.Severity));
        Assert.Matches($"(1h 0m|59m 59s) {where} the server's", finding.Evidence);
        Assert.Equal("timedatectl set-ntp true", finding.Remedy);
    }

    [Fact]
    public async Task AServerWithoutSupport_IsFound()
    {
        await using TpqClient client = NewClient(time: new ShiftedTime(TimeSpan.FromDays(3660)));
        Diagnosis diagnosis = await new Doctor(client).ExamineAsync([], Token);
        Finding finding = Assert.Single(diagnosis.Findings, f => f.Check == "server-version");
        Assert.Matches(@"PostgreSQL \d+\.\d+.*; its support ended on 20\d\d-11-\d\d\.", finding.Evidence);
        Assert.Equal(Severity.Warning, finding.Severity);
    }

    [Fact]
    public async Task ASchemaThatIsMissing_IsFound()
    {
        await using var client = new TpqClient(Keywords, new TpqClientOptions { Schema = "no\"where" });
        Finding finding = Assert.Single(await ExamineAsync(client));
        Assert.Equal(("schema", Severity.Error), (finding.Check, finding.Severity));
        await ExecuteAsync(finding.Remedy);
        Assert.Empty(await ExamineAsync(client));
        await ExecuteAsync("DROP SCHEMA \"no\"\"where\"");
    }

    [Fact]
    public async Task WhatTheRoleMayNotSee_IsSaid_AndIsNoError()
    {
        await NewQueueAsync();
        string role = $"blind_{Guid.NewGuid():N}";
        await ExecuteAsync($"CREATE ROLE {role}");
        try
        {
            await ExecuteAsync($"GRANT INSERT (data, headers), SELECT (id) ON tpq_orders TO {role}", $"GRANT USAGE ON SEQUENCE tpq_orders_id_seq TO {role}", $"GRANT INSERT, SELECT (id) ON tpq_orders_later TO {role}");
            await using TpqClient client = NewClient($"Options=-c role={role}");
            Finding[] found = await ExamineAsync(client);
            Assert.All(found, f => Assert.Equal(("visibility", Severity.Info), (f.Check, f.Severity)));
            Assert.Equal(2, found.Length);
            await ExecuteAsync(Assert.Single(found, static f => f.Remedy.StartsWith("GRANT", StringComparison.Ordinal)).Remedy);
            Assert.Equal("As a role that may read it, its owner for example: tpq doctor orders", Assert.Single(await ExamineAsync(client)).Remedy);
            await ExecuteAsync($"GRANT SELECT ON tpq_orders, tpq_orders_later TO {role}");
            Assert.Empty(await ExamineAsync(client));
        }
        finally
        {
            await ExecuteAsync($"DROP OWNED BY {role}", $"DROP ROLE {role}");
        }
    }

    /// <summary>This machine's clock, wrong by so much.</summary>
    sealed class ShiftedTime(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }
}
