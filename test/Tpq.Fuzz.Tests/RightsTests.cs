using CsCheck;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Npgsql;
using Tpq.Fuzz.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.Fuzz.Tests;

/// <summary>Roles with any subset of the rights: each operation works, or says what it may not, and nothing is lost.</summary>
public sealed class RightsTests(Server server) : DatabaseTest(server)
{
    static readonly string[] Rights = ["SELECT", "INSERT", "UPDATE", "DELETE"];

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30), Minute = TimeSpan.FromMinutes(1);

    /// <summary>What is done as the role. Each ends by itself; what it leaves behind is counted.</summary>
    static readonly (string Name, Func<TpqQueue, Task<int>> Run)[] Operations =
    [
        ("put", async q => { await q.PutAsync("1", Token); return 1; }),
        ("put with headers", async q => { await q.PutAsync(new TpqPut("1") { Headers = new Dictionary<string, string> { ["a"] = "b" } }, Token); return 1; }),
        ("put many", async q => (int)await q.PutManyAsync(["1", "2", "3"], Token)),
        ("put for later", async q => { await q.PutAsync(new TpqPut("1") { Delay = Minute }, Token); return 1; }),
        ("put a backlog for now", async q => { await q.PutAsync(new TpqPut("1") { Delay = TimeSpan.FromTicks(10) }, Token); return 1; }),
        ("get", q => WithDelivery(q, d => d.CommitAsync(Token), -1)),
        ("get and give back", q => WithDelivery(q, d => Task.CompletedTask, 0)),
        ("get many", GetManyAsync),
        ("retry", q => WithDelivery(q, d => d.RetryAsync(Minute, "why", Token), 0)),
        ("retry at once", q => WithDelivery(q, d => d.RetryAsync(TimeSpan.Zero, cancellationToken: Token), 0)),
        ("bury", q => WithDelivery(q, d => d.DeadLetterAsync("why", Token), 0)),
        ("lease", q => WithLease(q, l => l.CompleteAsync(Token), -1)),
        ("lease and give back", q => WithLease(q, l => Task.CompletedTask, 0)),
        ("lease and retry", q => WithLease(q, l => l.RetryAsync(Minute, "why", Token), 0)),
        ("lease and bury", q => WithLease(q, l => l.DeadLetterAsync("why", Token), 0)),
        ("consume", q => ConsumeAsync(q, isLeased: false, fails: false)),
        ("consume and fail", q => ConsumeAsync(q, isLeased: false, fails: true)),
        ("consume leased", q => ConsumeAsync(q, isLeased: true, fails: false)),
        ("consume leased and fail", q => ConsumeAsync(q, isLeased: true, fails: true)),
        ("peek", async q => { await q.PeekAsync(5, Token); return 0; }),
        ("count", async q => { await q.CountAsync(Token); return 0; }),
        ("exists", async q => { await q.ExistsAsync(Token); return 0; }),
        ("list", async q => { await q.Client.ListAsync(Token); return 0; }),
        ("pause", async q => { await q.PauseAsync(Token); await q.ResumeAsync(Token); return 0; }),
        ("delete", async q => await q.DeleteAsync(1, Token) ? -1 : 0),
        ("clear", async q => -(int)await q.ClearAsync(Token)),
        ("move", async q => { await q.MoveToAsync(q.Client.Queue("orders_dead"), cancellationToken: Token); return 0; }),
        ("create", async q => { await q.CreateAsync(cancellationToken: Token); return 0; }),
        ("upgrade", async q => { await q.UpgradeAsync(Token); return 0; }),
        ("drop", async q => { await q.DropAsync(Token); return 0; }),
    ];

    /// <summary>Each subset on one table with all rights on the other.</summary>
    [Fact]
    public async Task ARole_WithEachSubsetOfTheRights_DoesItOrIsTold()
    {
        await using LimitedRole role = await NewRoleAsync();
        (string[] Own, string[] Later)[] subsets = [.. Enumerable.Range(0, 16).SelectMany(bits => ((string[], string[])[])[(Subset(bits), Rights), (Rights, Subset(bits))])];
        await Gen.Shuffle(Operations, 6).Array[subsets.Length].SampleAsync(async operations =>
        {
            foreach (((string[] own, string[] later), (string Name, Func<TpqQueue, Task<int>> Run)[] some) in subsets.Zip(operations))
            {
                await GrantAsync(role, own, later, schema: true, sequence: true, dead: true);
                foreach ((string name, Func<TpqQueue, Task<int>> run) in some)
                    await TryAsync(role, $"{Words(own)} and {Words(later)}: {name}", run);
            }
        }, iter: Amount.Of(1), threads: 1, print: _ => "");
    }

    [Fact]
    public async Task ARole_WithAnySubsetOfTheRights_DoesItOrIsTold()
    {
        await using LimitedRole role = await NewRoleAsync();
        Gen<string[]> subset = Gen.Int[0, 15].Select(Subset);
        await Gen.Select(subset, subset, Gen.Int[0, 9], Gen.Int[0, 9], Gen.Bool, Gen.Shuffle(Operations, 3)).SampleAsync(async (own, later, schema, sequence, dead, operations) =>
        {
            await GrantAsync(role, own, later, schema > 0, sequence > 0, dead);
            foreach ((string name, Func<TpqQueue, Task<int>> run) in operations)
                await TryAsync(role, $"{Words(own)} and {Words(later)}, schema {schema > 0}, sequence {sequence > 0}, dead {dead}: {name}", run);
        }, iter: Amount.Of(15), threads: 1, print: _ => "");
    }

    /// <summary>A message that can neither be put off nor buried is back at once: whoever handles it says so each time, and pauses.</summary>
    [Fact]
    public async Task AConsumer_ThatCannotSettle_SaysSoEachTime()
    {
        await using LimitedRole role = await NewRoleAsync();
        await GrantAsync(role, Rights, [], schema: true, sequence: true, dead: false);
        await Client.Queue("orders").PutAsync("1", Token);
        var log = new FakeLogCollector();
        using var loggers = LoggerFactory.Create(b => b.AddProvider(new FakeLoggerProvider(log)));
        await using TpqClient client = NewClient(role.Settings, loggers);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        stop.CancelAfter(Patience);
        int handled = 0;
        await client.Queue("orders").ConsumeAsync(async (_, _) =>
        {
            if (++handled == 4)
                await stop.CancelAsync();
            throw new InvalidOperationException("why");
        }, new TpqConsumeOptions { Backoff = TimeSpan.FromMilliseconds(10) }, stop.Token);
        Assert.Equal(4, handled);
        Assert.Equal(4, log.GetSnapshot().Count(r => r.Level == LogLevel.Error && r.Message.Contains("orders", StringComparison.Ordinal)));
        Assert.Equal(1, await Client.Queue("orders").CountAsync(Token));
    }

    /// <summary>Nothing is refused to who has all of them.</summary>
    [Fact]
    public async Task ARole_WithAllRights_DoesAllButOwn()
    {
        await using LimitedRole role = await NewRoleAsync();
        await GrantAsync(role, Rights, Rights, schema: true, sequence: true, dead: true);
        foreach ((string name, Func<TpqQueue, Task<int>> run) in Operations)
            Assert.True(await TryAsync(role, name, run) == (name != "drop"), name);
    }

    async Task<LimitedRole> NewRoleAsync()
    {
        await NewQueueAsync();
        await NewQueueAsync("orders_dead");
        return await LimitedRole.CreateAsync(Server, Schema, "");
    }

    static string Words(IEnumerable<string> words) => string.Join(", ", words);

    static string[] Subset(int bits) => [.. Rights.Where((_, n) => (bits >> n & 1) == 1)];

    static Task GrantAsync(LimitedRole role, string[] own, string[] later, bool schema, bool sequence, bool dead) => role.GrantAsync(
        "REVOKE ALL ON ALL TABLES IN SCHEMA {0} FROM {1}; REVOKE ALL ON ALL SEQUENCES IN SCHEMA {0} FROM {1}; REVOKE ALL ON SCHEMA {0} FROM {1};"
        + (own.Length > 0 ? $"GRANT {string.Join(',', own)} ON {{0}}.tpq_orders TO {{1}};" : "")
        + (later.Length > 0 ? $"GRANT {string.Join(',', later)} ON {{0}}.tpq_orders_later TO {{1}};" : "")
        + (schema ? "GRANT USAGE ON SCHEMA {0} TO {1};" : "")
        + (sequence ? "GRANT USAGE ON SEQUENCE {0}.tpq_orders_id_seq TO {1};" : "")
        + (dead ? "GRANT SELECT, INSERT ON {0}.tpq_orders_dead TO {1}; GRANT USAGE ON SEQUENCE {0}.tpq_orders_dead_id_seq TO {1};" : ""));

    /// <returns>Whether it was done; else it was refused with a sentence, and all messages are there.</returns>
    async Task<bool> TryAsync(LimitedRole role, string name, Func<TpqQueue, Task<int>> run)
    {
        await ExecuteAsync(
            $"""
            SET search_path TO "{Schema}"; TRUNCATE tpq_orders, tpq_orders_later, tpq_orders_dead RESTART IDENTITY;
            INSERT INTO tpq_orders (data) SELECT '1' FROM generate_series(1, 3);
            INSERT INTO tpq_orders_later (id, data, enqueued_at, attempts, due_at) SELECT nextval('tpq_orders_id_seq'), '1', now(), 0, now() FROM generate_series(1, 2);
            RESET search_path
            """);
        await using TpqClient client = NewClient(role.Settings);
        int change = 0;
        bool isDone = true;
        try
        {
            change = await run(client.Queue("orders")).WaitAsync(Patience, Token);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            isDone = false;
            Assert.True(e.MessageText.Contains("tpq_orders", StringComparison.Ordinal) || e.MessageText.Contains(Schema, StringComparison.Ordinal), $"{name}: {e.MessageText}");
        }
        catch (TpqException e)
        {
            isDone = false;
            Assert.True(e.Message.Contains("orders", StringComparison.Ordinal), $"{name}: {e.Message}");
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Assert.Fail($"{name}: {e}");
        }
        int left = await CountAllAsync();
        // What was leased and handled, and could not be removed, comes again.
        Assert.True(left == 5 + change || (left == 5 && name.EndsWith("consume leased", StringComparison.Ordinal)), $"{name}: {left} of {5 + change} messages");
        return isDone;
    }

    /// <summary>But for the row that says that the queue is paused.</summary>
    async Task<int> CountAllAsync() => (int)await ScalarAsync<long>(
        $"""SELECT (SELECT count(*) FROM "{Schema}".tpq_orders) + (SELECT count(*) FROM "{Schema}".tpq_orders_later WHERE isfinite(due_at)) + (SELECT count(*) FROM "{Schema}".tpq_orders_dead)""");

    static async Task<int> WithDelivery(TpqQueue queue, Func<TpqDelivery, Task> act, int change)
    {
        await using TpqDelivery? delivery = await queue.GetAsync(Minute, Token);
        await act(delivery!);
        return change;
    }

    static async Task<int> GetManyAsync(TpqQueue queue)
    {
        await using TpqBatch? batch = await queue.GetManyAsync(2, cancellationToken: Token);
        await batch!.CommitAsync(Token);
        return -batch.Count;
    }

    static async Task<int> WithLease(TpqQueue queue, Func<TpqLease, Task> act, int change)
    {
        await using TpqLeaseBatch? leases = await queue.LeaseAsync(1, Minute, Minute, Token);
        await act(leases![0]);
        return change;
    }

    /// <summary>One message, which is then removed, or fails for the last time.</summary>
    static async Task<int> ConsumeAsync(TpqQueue queue, bool isLeased, bool fails)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        int handled = 0;
        var options = new TpqConsumeOptions { MaxAttempts = 1, Backoff = TimeSpan.FromHours(1), MaxBackoff = TimeSpan.FromHours(1) };
        await (isLeased
            ? queue.ConsumeLeasedAsync((_, _) => HandleAsync(), options, stop.Token)
            : queue.ConsumeAsync((_, _) => HandleAsync(), options, stop.Token));
        return fails ? 0 : -handled;

        async Task HandleAsync()
        {
            handled++;
            await stop.CancelAsync();
            if (fails)
                throw new InvalidOperationException("why");
        }
    }
}
