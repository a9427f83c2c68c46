using System.Text.Json;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class PutTests(Server server) : DatabaseTest(server)
{
    [Fact]
    public async Task Put_StoresWhatItWasGiven_InEveryForm()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("""{ "text": 1 }""", Token);
        await queue.PutAsync("[2]"u8.ToArray(), Token);
        await queue.PutAsync(new Order(3), TestJson.Default.Order, Token);
        await queue.PutAsync(new Order(4, "pen"), JsonSerializerOptions.Web, Token);
        await queue.PutAsync(new TpqPut("5"), Token);
        await queue.PutAsync(TpqPut.Create("6", TestJson.Default.String), Token);
        await queue.PutAsync((string?)null, TestJson.Default.String!, Token);
        Assert.Equal(
            ["""{ "text": 1 }""", "[2]", """{"Id":3,"Item":null}""", """{"id":4,"item":"pen"}""", "5", "\"6\"", "null"], await DrainAsync(queue));
    }

    [Fact]
    public async Task Put_ReturnsRisingIds()
    {
        TpqQueue queue = await NewQueueAsync();
        long first = await queue.PutAsync("1", Token);
        Assert.True(await queue.PutAsync("2", Token) > first);
    }

    [Fact]
    public async Task Put_StoresHeaders_AndTheServersTime()
    {
        TpqQueue queue = await NewQueueAsync();
        DateTimeOffset before = new(await ScalarAsync<DateTime>("SELECT clock_timestamp()"));
        var headers = new Dictionary<string, string> { ["traceparent"] = "00-1", ["ünï \"q\""] = "\0\n{}" };
        await queue.PutAsync(new TpqPut("1") { Headers = headers }, Token);
        await queue.PutAsync(new TpqPut("2") { Headers = new Dictionary<string, string>() }, Token);
        await using TpqBatch? batch = await queue.GetManyAsync(2, cancellationToken: Token);
        Assert.Equal(headers, batch![0].Headers);
        Assert.Empty(batch[1].Headers);
        Assert.InRange(batch[0].EnqueuedAt!.Value, before, before.AddMinutes(1));
        Assert.Equal(0, batch[0].Attempts);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("NaN")]
    [InlineData("\uFEFF1")]
    public async Task Put_RefusesWhatIsNotJson_BeforeItReachesTheServer(string text)
    {
        // No server listens there: an error of JSON says that none was asked.
        await using var nowhere = new TpqClient("postgresql://u:p@127.0.0.1:1/d");
        var error = await Assert.ThrowsAsync<TpqInvalidJsonException>(() => nowhere.Queue("orders").PutAsync(text, Token));
        Assert.Equal(1, error.Line);
    }

    [Fact]
    public async Task Put_NamesTheQueueAndTheDatabase_WhenThereIsNoSuchQueue()
    {
        var error = await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nope").PutAsync("1", Token));
        Assert.Equal("nope", error.Queue);
        Assert.Equal(await ScalarAsync<string>("SELECT current_database()::text"), error.Database);
        Assert.Contains("tpq create nope", error.Message, StringComparison.Ordinal);
        await using TpqClient elsewhere = new(Server.KeywordsOf(Server.Url), new TpqClientOptions { Schema = "no such schema" });
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => elsewhere.Queue("orders").PutAsync("1", Token));
    }

    [Fact]
    public async Task Put_PassesTheServersErrorThrough_WhenATriggerMissesItsTable()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"""
            CREATE FUNCTION "{Schema}".broken() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO missing VALUES (1); RETURN NEW; END';
            CREATE TRIGGER broken BEFORE INSERT ON "{Schema}".tpq_orders FOR EACH ROW EXECUTE FUNCTION "{Schema}".broken();
            """);
        var error = await Assert.ThrowsAsync<PostgresException>(() => queue.PutAsync("1", Token));
        Assert.Equal(PostgresErrorCodes.UndefinedTable, error.SqlState);
    }

    [Fact]
    public async Task Put_PutsNothing_WhenADeferredConstraintFailsAtCommit()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"""
            CREATE FUNCTION "{Schema}".refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $m$refused at commit$m$; END';
            CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON "{Schema}".tpq_orders DEFERRABLE INITIALLY DEFERRED
              FOR EACH ROW EXECUTE FUNCTION "{Schema}".refuse();
            """);
        var error = await Assert.ThrowsAsync<PostgresException>(() => queue.PutAsync("1", Token));
        Assert.Equal("refused at commit", error.MessageText);
        await Assert.ThrowsAsync<PostgresException>(() => queue.PutManyAsync(["1"], Token));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task Put_LooksAtTheToken_BeforeItSends()
    {
        TpqQueue queue = await NewQueueAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queue.PutAsync("1", new CancellationToken(canceled: true)));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task Put_IsNotCancelled_OnceItIsSent()
    {
        TpqQueue queue = await NewQueueAsync();
        await using NpgsqlConnection other = await OpenAsync();
        await using NpgsqlTransaction lockHolder = await other.BeginTransactionAsync(Token);
        await ExecuteAsync(other, "LOCK TABLE tpq_orders IN SHARE MODE");
        using var cancel = new CancellationTokenSource();
        Task<long> put = queue.PutAsync("1", cancel.Token);
        await EventuallyAsync(() => ScalarAsync<bool>(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'tpq_orders'::regclass AND NOT granted)"), "the put waits for the table");
        await cancel.CancelAsync();
        await lockHolder.CommitAsync(Token);
        await put;
        Assert.Equal(1, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task Put_IsReadCommitted_WhateverTheServersDefaultIs()
    {
        await NewQueueAsync();
        await using TpqClient client = NewClient("Options=-c default_transaction_isolation=serializable");
        await ExecuteAsync($"""
            CREATE TABLE "{Schema}".level (name text);
            CREATE FUNCTION "{Schema}".note() RETURNS trigger LANGUAGE plpgsql
              AS 'BEGIN INSERT INTO "{Schema}".level VALUES (current_setting($s$transaction_isolation$s$)); RETURN NEW; END';
            CREATE TRIGGER note BEFORE INSERT OR DELETE ON "{Schema}".tpq_orders FOR EACH ROW EXECUTE FUNCTION "{Schema}".note();
            """);
        await client.Queue("orders").PutAsync("1", Token);
        Assert.Equal("read committed", await ScalarAsync<string>("SELECT string_agg(DISTINCT name, ',') FROM level"));
    }

    [Fact]
    public async Task Put_RefusesHeadersThatWouldNotComeOutAsTheyWentIn()
    {
        TpqQueue queue = await NewQueueAsync();
        foreach (string? value in (string?[])[null, "\ud800"])
        {
            var error = await Assert.ThrowsAsync<ArgumentException>(() => queue.PutAsync(new TpqPut("1") { Headers = new Dictionary<string, string> { ["a"] = value! } }, Token));
            Assert.Contains("\"a\"", error.Message, StringComparison.Ordinal);
        }
        Assert.Equal(0, await queue.CountAsync(Token));
    }
}
