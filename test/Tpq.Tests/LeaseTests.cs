using System.Data;
using System.Diagnostics;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class LeaseTests(Server server) : DatabaseTest(server)
{
    static readonly TimeSpan Minute = TimeSpan.FromMinutes(1), Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task ALease_HoldsNoConnection_AndIsNobodyElses_UntilItIsCompleted()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await using TpqLeaseBatch leases = await LeaseAsync(queue, 2);
        Assert.Equal(["1", "2"], leases.Select(l => l.Message.Json));
        Assert.Equal(0, await ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND query LIKE '%' || current_schema() || '%'"));
        Assert.Equal(["3"], await DrainAsync(queue));
        await leases[0].CompleteAsync(Token);
        Assert.Equal(1, await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later WHERE lease IS NOT NULL AND due_at > now() + interval '50 s'"));
        await leases.CompleteAsync(Token);
        Assert.Equal(0, await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => leases.CompleteAsync(Token));
        await Assert.ThrowsAsync<InvalidOperationException>(() => leases[0].CompleteAsync(Token));
        await Assert.ThrowsAsync<InvalidOperationException>(() => leases[1].RetryAsync(Second, cancellationToken: Token));
        Assert.All(leases, l => Assert.False(l.Lost.IsCancellationRequested));
    }

    [Fact]
    public async Task Lease_IsNullWhenGetIs_WakesForAPut_AndChecksWhatItIsGiven()
    {
        TpqQueue queue = await NewQueueAsync();
        Assert.Null(await queue.LeaseAsync(10, Minute, cancellationToken: Token));
        Task<TpqLeaseBatch?> waiting = queue.LeaseAsync(10, Minute, TimeSpan.FromSeconds(30), Token);
        await Client.Queue("orders").PutAsync(new TpqPut("1") { Headers = new Dictionary<string, string> { ["a"] = "b" } }, Token);
        await using TpqLeaseBatch leases = (await waiting)!;
        Assert.Equal("b", Assert.Single(leases).Message.Headers["a"]);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => queue.LeaseAsync(0, Minute, cancellationToken: Token));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => queue.LeaseAsync(1, TimeSpan.FromMilliseconds(999), cancellationToken: Token));
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("missing").LeaseAsync(1, Minute, cancellationToken: Token));
        await NewPythonQueueAsync("old");
        await Client.Queue("old").PutAsync("1", Token);
        Assert.Contains("tpq upgrade old", (await Assert.ThrowsAsync<TpqException>(() => Client.Queue("old").LeaseAsync(1, Minute, cancellationToken: Token))).Message);
        Assert.Equal(1, await Client.Queue("old").CountAsync(Token));
    }

    [Fact]
    public async Task ALeaseIsRenewed_ForAsLongAsItIsHeld()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using TpqLeaseBatch leases = await LeaseAsync(queue, 1, Second);
        DateTime first = await ScalarAsync<DateTime>("SELECT due_at FROM tpq_orders_later");
        // Far beyond its time, while somebody else stands by to move what is due.
        await using TpqClient other = NewClient();
        await EventuallyAsync(async () =>
        {
            Assert.Null(await other.Queue("orders").GetAsync(cancellationToken: Token));
            return await ScalarAsync<DateTime>("SELECT due_at FROM tpq_orders_later") > first + TimeSpan.FromSeconds(2.5);
        }, "it was renewed again and again");
        Assert.False(leases[0].Lost.IsCancellationRequested);
        await leases[0].CompleteAsync(Token);
    }

    [Fact]
    public async Task ALeaseThatRanOut_IsDeliveredAgain_Counted_AndItsHolderCanDoNothingMore()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using TpqLeaseBatch leases = await LeaseAsync(queue, 1);
        TpqLease stale = leases[0];
        await ExpireAsync();
        await using TpqClient other = NewClient();
        await using TpqDelivery delivery = (await other.Queue("orders").GetAsync(TimeSpan.FromSeconds(20), Token))!;
        Assert.Equal(("1", 1, stale.Message.Id), (delivery.Message.Json, delivery.Message.Attempts, delivery.Message.Id));
        await using (NpgsqlConnection connection = await OpenAsync())
        {
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
            TpqLeaseLostException lost = await Assert.ThrowsAsync<TpqLeaseLostException>(() => stale.CompleteAsync(transaction, Token));
            Assert.Equal(("orders", stale.Message.Id), (lost.Queue, lost.Id));
        }
        Assert.True(stale.Lost.IsCancellationRequested);
        await Assert.ThrowsAsync<TpqLeaseLostException>(() => stale.CompleteAsync(Token));
        await Assert.ThrowsAsync<TpqLeaseLostException>(() => stale.RetryAsync(Second, cancellationToken: Token));
        await Assert.ThrowsAsync<TpqLeaseLostException>(() => stale.DeadLetterAsync("why", Token));
        await stale.DisposeAsync();
        await delivery.DisposeAsync();
        Assert.Equal(1, await queue.CountAsync(Token));
    }

    [Theory]
    [InlineData("complete")]
    [InlineData("complete in a transaction")]
    [InlineData("retry")]
    [InlineData("die")]
    public async Task AStaleHolder_IsFencedOff_ThoughTheMessageIsLeasedAgain(string how)
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using TpqLeaseBatch stale = await LeaseAsync(queue, 1);
        await ExpireAsync();
        await using TpqClient other = NewClient();
        await using TpqLeaseBatch fresh = (await other.Queue("orders").LeaseAsync(1, Minute, TimeSpan.FromSeconds(20), Token))!;
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await Assert.ThrowsAsync<TpqLeaseLostException>(() => how switch
        {
            "complete" => stale[0].CompleteAsync(Token),
            "retry" => stale[0].RetryAsync(TimeSpan.Zero, "late", Token),
            "die" => stale[0].DeadLetterAsync("late", Token),
            _ => stale[0].CompleteAsync(transaction, Token),
        });
        await stale.DisposeAsync();
        await fresh[0].CompleteAsync(Token);
        Assert.Equal(0, await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later"));
    }

    [Fact]
    public async Task ACompletion_IsOneWithTheCallersWrites()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".ledger (seen text)");
        await queue.PutManyAsync(["1", "2"], Token);
        await using TpqLeaseBatch leases = await LeaseAsync(queue, 2, Second);
        foreach (TpqLease lease in leases)
        {
            await using NpgsqlConnection connection = await OpenAsync();
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
            await ExecuteAsync(connection, $"INSERT INTO ledger VALUES ('{lease.Message.Json}')");
            await lease.CompleteAsync(transaction, Token);
            if (lease.Message.Json == "1")
                await transaction.CommitAsync(Token);
        }
        Assert.Equal("1", await ScalarAsync<string>("SELECT string_agg(seen, ',') FROM ledger"));
        await using TpqDelivery again = (await queue.GetAsync(TimeSpan.FromSeconds(20), Token))!;
        Assert.Equal(("2", 1), (again.Message.Json, again.Message.Attempts));
    }

    [Fact]
    public async Task ASnapshot_ProvesNothing_AndATransactionThatEndedIsNone()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using TpqLeaseBatch leases = await LeaseAsync(queue, 1);
        await using NpgsqlConnection connection = await OpenAsync();
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, Token))
        {
            InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(() => leases[0].CompleteAsync(transaction, Token));
            Assert.Contains("READ COMMITTED", error.Message);
            await transaction.CommitAsync(Token);
            await Assert.ThrowsAsync<InvalidOperationException>(() => leases[0].CompleteAsync(transaction, Token));
        }
        await Assert.ThrowsAsync<ArgumentNullException>(() => leases.CompleteAsync((NpgsqlTransaction)null!, Token));
        await leases[0].CompleteAsync(Token);
    }

    [Fact]
    public async Task ExpiryAgainstCompletion_TheCompletionFirst_TheMoverPassesItBy()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await using TpqLeaseBatch leases = await LeaseAsync(queue, 2);
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await leases[0].CompleteAsync(transaction, Token);
        await ExpireAsync("SKIP LOCKED");
        // Its row is locked: the other one is moved, and this one is the completion's.
        await using TpqClient other = NewClient();
        await using TpqDelivery delivery = (await other.Queue("orders").GetAsync(TimeSpan.FromSeconds(20), Token))!;
        Assert.Equal("2", delivery.Message.Json);
        await transaction.CommitAsync(Token);
        await delivery.CommitAsync(Token);
        Assert.Equal(0, await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later"));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task ExpiryAgainstCompletion_TheMoverFirst_TheCompletionWaitsAndIsToldThatItIsLost()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using TpqLeaseBatch leases = await LeaseAsync(queue, 1);
        await ExpireAsync();
        await using NpgsqlConnection mover = await OpenAsync();
        await using NpgsqlTransaction moving = await mover.BeginTransactionAsync(Token);
        string move = Client.State("orders").Sql.MoveDue.Replace("$1", "ARRAY(SELECT id FROM tpq_orders_later WHERE due_at <= now())");
        Assert.Equal(1, await ScalarAsync<long>(mover, move));
        Task complete = leases[0].CompleteAsync(Token);
        await EventuallyAsync(async () => await ScalarAsync<long>($"SELECT count(*) FROM pg_locks WHERE NOT granted AND {mover.ProcessID} = ANY (pg_blocking_pids(pid))") == 1, "it waits");
        await moving.CommitAsync(Token);
        await Assert.ThrowsAsync<TpqLeaseLostException>(() => complete);
        Assert.Equal(1, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task RenewalIsNotHeldUp_ByACompletionInProgress_AndWhatItSkipsIsNotLost()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await using TpqLeaseBatch leases = await LeaseAsync(queue, 2, Second);
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        // Somebody locks the row of the first: a completion of another process's that is about to be rolled back.
        await ExecuteAsync(connection, "SELECT FROM tpq_orders_later WHERE id = 1 FOR UPDATE");
        DateTime first = await ScalarAsync<DateTime>("SELECT due_at FROM tpq_orders_later WHERE id = 2");
        await EventuallyAsync(async () => await ScalarAsync<DateTime>("SELECT due_at FROM tpq_orders_later WHERE id = 2") > first, "the other is renewed");
        Assert.False(leases[0].Lost.IsCancellationRequested);
        await transaction.RollbackAsync(Token);
        await EventuallyAsync(async () => await ScalarAsync<DateTime>("SELECT due_at FROM tpq_orders_later WHERE id = 1") > first, "so is the first");
        await leases.CompleteAsync(Token);
    }

    [Fact]
    public async Task ABatch_IsCompletedAsAWhole_OrNotAtAll()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await using TpqLeaseBatch leases = await LeaseAsync(queue, 3);
        await ExecuteAsync($"DELETE FROM \"{Schema}\".tpq_orders_later WHERE id = 2");
        Assert.Equal(2, (await Assert.ThrowsAsync<TpqLeaseLostException>(() => leases.CompleteAsync(Token))).Id);
        Assert.Equal([false, true, false], leases.Select(l => l.Lost.IsCancellationRequested));
        Assert.Equal(2, await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later"));
        await leases[0].CompleteAsync(Token);
        await leases[2].RetryAsync(Minute, "later", Token);
        Assert.True(await ScalarAsync<bool>("SELECT lease IS NULL AND attempts = 1 AND headers->>'tpq-error' = 'later' AND due_at > now() FROM tpq_orders_later"));
    }

    [Fact]
    public async Task ALeaseThatIsDisposed_IsBackAtOnce_AndUncounted()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        TpqLeaseBatch leases = await LeaseAsync(queue, 2);
        await leases[0].DisposeAsync();
        await leases[0].DisposeAsync();
        await leases.DisposeAsync();
        await using TpqBatch batch = (await queue.GetManyAsync(1, TimeSpan.FromSeconds(20), Token))!;
        Assert.Equal(0, batch[0].Attempts);
        await batch.CommitAsync(Token);
        Assert.Single(await DrainAsync(queue));
    }

    [Fact]
    public async Task ADeadLetterOfALease_SaysWhereItCameFromAndWhy()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync(new TpqPut("{ }") { Headers = new Dictionary<string, string> { ["a"] = "b" } }, Token);
        await using (TpqLeaseBatch leases = await LeaseAsync(queue, 1))
            await leases[0].DeadLetterAsync("why", Token);
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Equal(("{ }", "b", "why", "1", "orders"),
            (dead.Message.Json, dead.Message.Headers["a"], dead.Message.Headers["tpq-error"], dead.Message.Headers["tpq-attempts"], dead.Message.Headers["tpq-queue"]));
        Assert.Equal(0, await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later"));
    }

    [Fact]
    public async Task WhenTheServerIsNotReached_TheLeaseIsLost_ByThisProcessesClock()
    {
        await NewQueueAsync();
        await using TpqClient client = NewClient("Timeout=1");
        TpqQueue queue = client.Queue("orders");
        await queue.PutAsync("1", Token);
        await using TpqLeaseBatch leases = (await queue.LeaseAsync(1, Second, cancellationToken: Token))!;
        await ExecuteAsync($"ALTER TABLE \"{Schema}\".tpq_orders_later RENAME TO away");
        var lost = new TaskCompletionSource();
        await using CancellationTokenRegistration _ = leases[0].Lost.Register(lost.SetResult);
        await lost.Task.WaitAsync(TimeSpan.FromSeconds(20), Token);
        await ExecuteAsync($"ALTER TABLE \"{Schema}\".away RENAME TO tpq_orders_later");
        await Assert.ThrowsAsync<TpqLeaseLostException>(() => leases[0].CompleteAsync(Token));
    }

    [Fact]
    public async Task WhatFails_LeavesTheLeaseAsItWas()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using TpqLeaseBatch leases = await LeaseAsync(queue, 1);
        await ExecuteAsync($"ALTER TABLE \"{Schema}\".tpq_orders_later RENAME TO away");
        await Assert.ThrowsAnyAsync<TpqException>(() => leases[0].CompleteAsync(Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leases[0].CompleteAsync(new CancellationToken(canceled: true)));
        await ExecuteAsync($"ALTER TABLE \"{Schema}\".away RENAME TO tpq_orders_later");
        await leases[0].CompleteAsync(Token);
        Assert.Equal(0, await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later"));
    }

    [Fact]
    public async Task AMessageWhoseIdIsTakenAmongThoseThatAreNotReady_IsPassedBy_AndNothingIsLost()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync(new TpqPut("\"delayed\"") { Delay = TimeSpan.FromHours(1) }, Token);
        await ExecuteAsync($"SELECT setval('\"{Schema}\".tpq_orders_id_seq', 1, false)");
        await queue.PutManyAsync(["1", "2"], Token);
        TpqLeaseBatch leases = await LeaseAsync(queue, 5);
        Assert.Equal("2", Assert.Single(leases).Message.Json);
        await leases.CompleteAsync(Token);
        // Held, it is retried under a new id.
        await using (TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!)
            await delivery.RetryAsync(TimeSpan.FromHours(1), cancellationToken: Token);
        Assert.Equal(2, await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later WHERE data::text IN ('1', '\"delayed\"')"));
    }

    [Fact]
    public async Task AHoldersCodeThatThrows_WhenHisLeaseIsLost_LeavesTheOthersTheirRenewal()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await using TpqLeaseBatch leases = await LeaseAsync(queue, 2, TimeSpan.FromSeconds(6));
        using CancellationTokenRegistration _ = leases[0].Lost.Register(() => throw new InvalidDataException("his own"));
        await ExecuteAsync($"UPDATE \"{Schema}\".tpq_orders_later SET lease = gen_random_uuid() WHERE id = {leases[0].Message.Id}");
        await EventuallyAsync(() => Task.FromResult(leases[0].Lost.IsCancellationRequested), "the first is lost");
        DateTime due = await DueAsync();
        await EventuallyAsync(async () => await DueAsync() > due, "the second is renewed after that");
        Assert.False(leases[1].Lost.IsCancellationRequested);

        Task<DateTime> DueAsync() => ScalarAsync<DateTime>($"SELECT due_at FROM tpq_orders_later WHERE id = {leases[1].Message.Id}");
    }

    [Fact]
    public async Task TenThousandLeases_AreHeldOnAHandfulOfConnections()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(Enumerable.Range(1, 10_000).Select(i => $"{i}"), Token);
        await using TpqClient client = NewClient("Application Name=leaseholder");
        long start = Stopwatch.GetTimestamp();
        await using TpqLeaseBatch leases = (await client.Queue("orders").LeaseAsync(10_000, TimeSpan.FromSeconds(6), cancellationToken: Token))!;
        Assert.Equal(10_000, leases.Count);
        while (Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(13))
        {
            Assert.InRange(await ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'leaseholder'"), 0, 3);
            await Task.Delay(100, Token);
        }
        Assert.DoesNotContain(leases, l => l.Lost.IsCancellationRequested);
        Assert.Equal(10_000, await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later WHERE due_at > clock_timestamp() AND lease IS NOT NULL"));
        await leases.CompleteAsync(Token);
        Assert.Equal(0, await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later"));
    }

    static async Task<TpqLeaseBatch> LeaseAsync(TpqQueue queue, int max, TimeSpan? duration = null) =>
        await queue.LeaseAsync(max, duration ?? Minute, cancellationToken: Token) ?? throw new InvalidOperationException("nothing came");

    /// <summary>As if the time had passed.</summary>
    Task ExpireAsync(string locking = "") => ExecuteAsync(
        $"UPDATE \"{Schema}\".tpq_orders_later SET due_at = clock_timestamp() - interval '1 ms' WHERE id IN (SELECT id FROM \"{Schema}\".tpq_orders_later FOR UPDATE {locking})");
}
