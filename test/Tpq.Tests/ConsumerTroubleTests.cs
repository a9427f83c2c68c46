using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Npgsql;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Consumers whose surroundings are not as they should be: tables that were altered, rights that are missing, timeouts, transactions that come to nothing.</summary>
public sealed class ConsumerTroubleTests(Server server) : DatabaseTest(server)
{
    readonly ConcurrentQueue<(string Json, int Attempts)> _seen = [];
    readonly FakeLogCollector _logs = new();

    static readonly TpqConsumeOptions Quick = new() { MaxAttempts = 2, Backoff = TimeSpan.FromMilliseconds(10), MaxBackoff = TimeSpan.FromMilliseconds(20) };

    [Fact]
    public async Task ADeliveryThatHasEnded_LendsNothing_ThatIsTheNextMessages()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        TpqDelivery first = (await queue.GetAsync(cancellationToken: Token))!;
        await first.CommitAsync(Token);
        await using (TpqDelivery second = (await queue.GetAsync(cancellationToken: Token))!)
        {
            Assert.Throws<InvalidOperationException>(() => first.Transaction);
            Assert.Throws<InvalidOperationException>(() => first.Connection);
        }
        Assert.Equal(1, await queue.CountAsync(Token));
        TpqBatch batch = (await queue.GetManyAsync(2, cancellationToken: Token))!;
        await batch.DisposeAsync();
        Assert.Throws<InvalidOperationException>(() => batch.Transaction);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnUpgrade_UnderAnEmptyQueue_DisturbsNobody(bool leased)
    {
        TpqQueue made = await NewPythonQueueAsync();
        await using TpqClient client = NewClient("Maximum Pool Size=3");
        TpqQueue queue = client.Queue("orders");
        // On each connection, plain and careful, until all of it is prepared.
        for (int i = 0; i < 8; i++)
            await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => LookAsync()));
        Assert.True(await made.UpgradeAsync(Token));
        for (int i = 0; i < 8; i++)
        {
            await LookAsync();
            await ExecuteAsync($"ALTER TABLE \"{Schema}\".tpq_orders ADD COLUMN c{i} int");
        }

        async Task LookAsync()
        {
            if (leased)
            {
                // Until the upgrade there is nowhere to lease to.
                Exception? error = await Record.ExceptionAsync(() => queue.LeaseAsync(1, TimeSpan.FromMinutes(1), cancellationToken: Token));
                Assert.True(error is null || error.Message.Contains("tpq upgrade", StringComparison.Ordinal), error?.ToString());
            }
            else
                Assert.Null(await queue.GetAsync(cancellationToken: Token));
        }
    }

    [Fact]
    public async Task ARowThatCannotBeRead_EndsTheConsumerWithTheReason_AndKeepsNothingInHand()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await ExecuteAsync($"ALTER TABLE \"{Schema}\".tpq_orders ALTER headers TYPE int USING CASE WHEN data::text = '2' THEN 5 END");
        await using TpqClient client = NewClient();
        TpqException error = await Assert.ThrowsAsync<TpqException>(() => client.Queue("orders").ConsumeAsync(NoteAsync, Quick, Token));
        Assert.Contains("queue \"orders\" cannot be read, since its table was altered", error.Message);
        Assert.Contains("headers integer", error.Message);
        // The message that came with the commit of the first one is in nobody's hand.
        await EventuallyAsync(async () => await ScalarAsync<long>("SELECT count(*) FROM (SELECT FROM tpq_orders FOR UPDATE SKIP LOCKED) q") == 2, "two are free");
        await ExecuteAsync($"ALTER TABLE \"{Schema}\".tpq_orders ALTER headers TYPE json USING NULL");
        Assert.Equal(["2", "3"], await DrainAsync(queue));
    }

    sealed class UnspeakableException : Exception
    {
        public override string Message => throw new NotSupportedException();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnExceptionThatCannotSayWhatItIs_IsAFailureAsAnyOther(bool leased)
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["\"bad\"", "1"], Token);
        await UntilDeadAsync(queue, leased, json => json == "\"bad\"" ? throw new UnspeakableException() : Task.CompletedTask);
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Contains("UnspeakableException", dead.Message.Headers["tpq-error"]);
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task OfABatch_ItIsAFailureToo_WhereTheLogWritesIt()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["\"bad\"", "1"], Token);
        var written = new FakeLogCollectorOptions { OutputSink = static _ => { }, OutputFormatter = static r => $"{r.Message} {r.Exception}" };
        using ILoggerFactory loggers = LoggerFactory.Create(b => b.AddProvider(new FakeLoggerProvider(FakeLogCollector.Create(written))));
        await using TpqClient client = NewClient("", loggers);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = client.Queue("orders").ConsumeBatchesAsync(
            2, (batch, _) => batch.Any(m => m.Json == "\"bad\"") ? throw new UnspeakableException() : Task.CompletedTask, Quick, stop.Token);
        await EventuallyAsync(async () => consume.IsCompleted || await HasDiedAsync(), "it has died");
        await stop.CancelAsync();
        await consume;
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AHandlersCodeThatThrows_WhenItsTimeIsOver_EndsNothingElse(bool leased)
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        var options = new TpqConsumeOptions { MaxAttempts = 1, HandlerTimeout = TimeSpan.FromMilliseconds(50) };
        var time = new WatchedTime();
        await using TpqClient client = NewClient(time: time);
        queue = client.Queue("orders");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = leased ? queue.ConsumeLeasedAsync((_, token) => HandleAsync(token), options, stop.Token) : queue.ConsumeAsync((_, token) => HandleAsync(token), options, stop.Token);
        await EventuallyAsync(async () => consume.IsCompleted || await HasDiedAsync(), "it has died");
        await stop.CancelAsync();
        await consume;
        Assert.Empty(time.Thrown);

        static async Task HandleAsync(CancellationToken token)
        {
            using CancellationTokenRegistration _ = token.Register(static () => throw new InvalidDataException("its own"));
            await Task.Delay(Timeout.Infinite, token);
        }
    }

    [Fact]
    public void NoPause_StaysNone_HoweverOftenItIsDoubled() =>
        Assert.Equal(TimeSpan.Zero, Backoff.After(5000, new TpqConsumeOptions { Backoff = TimeSpan.Zero }));

    [Fact]
    public async Task Suspects_AreHandledAll_ThoughThePoolIsTooSmall()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(Enumerable.Range(1, 12).Select(i => $"{i}"), Token);
        await using (TpqBatch batch = (await queue.GetManyAsync(12, cancellationToken: Token))!)
            Assert.Equal(12, batch.Count);
        await using TpqClient client = NewClient("Maximum Pool Size=2;Timeout=1");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = client.Queue("orders").ConsumeAsync(async (delivery, _) =>
        {
            await Task.Delay(100, Token);
            await NoteAsync(delivery, Token);
        }, new TpqConsumeOptions { Concurrency = 6, MaxAttempts = 1000, Backoff = TimeSpan.FromMilliseconds(10), MaxBackoff = TimeSpan.FromMilliseconds(100) }, stop.Token);
        await EventuallyAsync(async () => consume.IsCompleted || await queue.CountAsync(Token) == 0, "all are handled", 60);
        await stop.CancelAsync();
        await consume;
        Assert.Equal(12, _seen.DistinctBy(s => s.Json).Count());
    }

    [Fact]
    public async Task AHandlerThatRollsBackASuspect_IsNotCounted()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await (await queue.GetAsync(cancellationToken: Token))!.DisposeAsync();
        await ConsumeAsync(queue, async delivery =>
        {
            await NoteAsync(delivery, Token);
            await delivery.Transaction.RollbackAsync(Token);
        }, () => Task.FromResult(_seen.Count == 5));
        Assert.All(_seen, s => Assert.Equal(0, s.Attempts));
        Assert.Equal(1, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task AReaderThatWasLeftOpen_DoesNotKeepAFailureFromBeingCounted()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await ConsumeAsync(queue, async delivery =>
        {
            var command = new NpgsqlCommand("SELECT generate_series(1, 100000)", delivery.Connection);
            await (await command.ExecuteReaderAsync(Token)).ReadAsync(Token);
            throw new InvalidDataException("left open");
        }, () => HasDiedAsync());
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Equal(("System.IO.InvalidDataException: left open", "2"), (dead.Message.Headers["tpq-error"], dead.Message.Headers["tpq-attempts"]));
    }

    [Fact]
    public async Task APausedQueueThatIsDropped_EndsItsConsumer()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PauseAsync(Token);
        await using TpqClient client = NewClient();
        Task consume = client.Queue("orders").ConsumeAsync(NoteAsync, Quick, Token);
        await EventuallyAsync(() => Task.FromResult(client.State("orders").Later.IsPaused), "it is paused");
        await queue.DropAsync(Token);
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => consume.WaitAsync(TimeSpan.FromSeconds(30), Token));
    }

    [Fact]
    public async Task ALeaseWhoseCompletionCameToNothing_IsAFailure_WithItsReason()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".line (id int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO \"{Schema}\".line VALUES (1)");
        await queue.PutAsync("1", Token);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = queue.ConsumeLeasedAsync(async (lease, _) =>
        {
            _seen.Enqueue((lease.Message.Json, lease.Message.Attempts));
            await using NpgsqlConnection connection = await OpenAsync();
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
            await ExecuteAsync(connection, "INSERT INTO line VALUES (1)");
            await lease.CompleteAsync(transaction, Token);
            await transaction.CommitAsync(Token);
        }, new TpqConsumeOptions { MaxAttempts = 2, Backoff = TimeSpan.FromMilliseconds(10), LeaseDuration = TimeSpan.FromHours(1) }, stop.Token);
        await EventuallyAsync(async () => consume.IsCompleted || await HasDiedAsync(), "it has died");
        await stop.CancelAsync();
        await consume;
        Assert.Equal([0, 1], _seen.Select(s => s.Attempts));
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Contains("23505", dead.Message.Headers["tpq-error"]);
    }

    [Fact]
    public async Task ADeadLetterQueueThatTakesNothing_HoldsUpNobody()
    {
        TpqQueue queue = await NewQueueAsync();
        await NewQueueAsync("orders_dead");
        await queue.PutManyAsync(["\"bad\"", "1", "2"], Token);
        await using var role = await LimitedRole.CreateAsync(Server, Schema,
            "GRANT SELECT, INSERT, DELETE, UPDATE ON ALL TABLES IN SCHEMA {0} TO {1}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA {0} TO {1}; REVOKE INSERT ON {0}.tpq_orders_dead FROM {1}");
        await using TpqClient client = NewClient(role.Settings);
        await ConsumeAsync(client.Queue("orders"), async delivery =>
        {
            await NoteAsync(delivery, Token);
            if (delivery.Message.Json == "\"bad\"")
                throw new InvalidDataException();
        }, () => Task.FromResult(_seen.Any(s => s.Json == "2")), new TpqConsumeOptions { MaxAttempts = 1 });
        Assert.Equal(["\"bad\"", "1", "2"], _seen.Select(s => s.Json));
        Assert.Equal(1, await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later"));
    }

    [Fact]
    public async Task ADeadLetterQueueOfThePythonTpqs_IsNamedInTheError()
    {
        TpqQueue queue = await NewQueueAsync();
        await NewPythonQueueAsync("orders_dead");
        await queue.PutAsync("1", Token);
        await using TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!;
        TpqException error = await Assert.ThrowsAsync<TpqException>(() => delivery.DeadLetterAsync("why", Token));
        Assert.Contains("tpq upgrade orders_dead", error.Message);
    }

    [Fact]
    public async Task ALease_WhoseQueueWasDropped_SaysSo()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        TpqLeaseBatch leases = (await queue.LeaseAsync(1, TimeSpan.FromMinutes(1), cancellationToken: Token))!;
        await queue.DropAsync(Token);
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => leases.CompleteAsync(Token));
    }

    [Theory]
    [InlineData("-c lock_timeout=100ms")]
    [InlineData("-c statement_timeout=200ms")]
    public async Task ATimeoutThatTheRoleHas_IsSurvived_AndTold(string options)
    {
        TpqQueue queue = await NewQueueAsync();
        using ILoggerFactory loggers = LoggerFactory.Create(b => b.AddProvider(new FakeLoggerProvider(_logs)));
        await using TpqClient client = NewClient($"Options={options}", loggers);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = client.Queue("orders").ConsumeAsync(NoteAsync, new TpqConsumeOptions { Concurrency = 2 }, stop.Token);
        await queue.PutAsync("1", Token);
        await EventuallyAsync(() => Task.FromResult(_seen.Count == 1), "it is at work");
        await using (NpgsqlConnection other = await OpenAsync())
        {
            await using NpgsqlTransaction transaction = await other.BeginTransactionAsync(Token);
            await ExecuteAsync(other, "INSERT INTO tpq_orders (data) VALUES ('2'); LOCK TABLE tpq_orders");
            client.State("orders").Sleepers.WakeAll();
            await EventuallyAsync(() => Task.FromResult(consume.IsCompleted || _logs.GetSnapshot().Any(r => r.Id.Id == 1014)), "a look has failed");
            await transaction.CommitAsync(Token);
        }
        await EventuallyAsync(() => Task.FromResult(consume.IsCompleted || _seen.Count == 2), "it is at work again");
        await stop.CancelAsync();
        await consume;
        Assert.Equal(["1", "2"], _seen.Select(s => s.Json));
    }

    [Fact]
    public async Task AFullDisk_IsSurvived_AndTold()
    {
        TpqQueue queue = await NewQueueAsync();
        await using (NpgsqlConnection other = await OpenAsync())
        {
            await ExecuteAsync(other,
                """
                CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE disk_full; END';
                CREATE TRIGGER full_disk BEFORE INSERT ON tpq_orders_later FOR EACH STATEMENT EXECUTE FUNCTION fail();
                ALTER TABLE tpq_orders_later DISABLE TRIGGER full_disk
                """);
        }
        using ILoggerFactory loggers = LoggerFactory.Create(b => b.AddProvider(new FakeLoggerProvider(_logs)));
        await using TpqClient client = NewClient("", loggers);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = client.Queue("orders").ConsumeLeasedAsync((lease, _) =>
        {
            _seen.Enqueue((lease.Message.Json, lease.Message.Attempts));
            return Task.CompletedTask;
        }, Quick, stop.Token);
        await queue.PutAsync("1", Token);
        await EventuallyAsync(() => Task.FromResult(_seen.Count == 1), "it is at work");
        await using (NpgsqlConnection other = await OpenAsync())
        {
            await ExecuteAsync(other, "ALTER TABLE tpq_orders_later ENABLE TRIGGER full_disk");
            await queue.PutAsync("2", Token);
            await EventuallyAsync(() => Task.FromResult(consume.IsCompleted || _logs.GetSnapshot().Any(r => r.Id.Id == 1014)), "a look has failed");
            await ExecuteAsync(other, "ALTER TABLE tpq_orders_later DISABLE TRIGGER full_disk");
        }
        await EventuallyAsync(() => Task.FromResult(consume.IsCompleted || _seen.Count == 2), "it is at work again");
        await stop.CancelAsync();
        await consume;
        Assert.Equal([("1", 0), ("2", 0)], _seen);
    }

    [Fact]
    public async Task ALeasedConsumerThatCannotGoOn_SaysSoWithinTheGrace_WhateverItsHandlersDo()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        var cancelled = new TaskCompletionSource();
        Task consume = queue.ConsumeLeasedAsync(async (_, token) =>
        {
            await using CancellationTokenRegistration registration = token.Register(cancelled.SetResult);
            _seen.Enqueue(("1", 0));
            await cancelled.Task;
        }, new TpqConsumeOptions { Concurrency = 2, Grace = TimeSpan.FromMilliseconds(50), LeaseDuration = TimeSpan.FromHours(1) }, Token);
        await EventuallyAsync(() => Task.FromResult(_seen.Count == 1), "it is at work");
        await queue.DropAsync(Token);
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => consume.WaitAsync(TimeSpan.FromSeconds(30), Token));
        Assert.True(cancelled.Task.IsCompleted);
    }

    Task NoteAsync(TpqDelivery delivery, CancellationToken token)
    {
        _seen.Enqueue((delivery.Message.Json, delivery.Message.Attempts));
        return Task.CompletedTask;
    }

    async Task<bool> HasDiedAsync() => await Client.Queue("orders_dead").ExistsAsync(Token) && await Client.Queue("orders_dead").CountAsync(Token) == 1;

    Task UntilDeadAsync(TpqQueue queue, bool leased, Func<string, Task> handler) => leased
        ? ConsumeLeasedAsync(queue, lease => handler(lease.Message.Json))
        : ConsumeAsync(queue, delivery => handler(delivery.Message.Json), HasDiedAsync);

    async Task ConsumeLeasedAsync(TpqQueue queue, Func<TpqLease, Task> handler)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = queue.ConsumeLeasedAsync((lease, _) => handler(lease), Quick, stop.Token);
        await EventuallyAsync(async () => consume.IsCompleted || await HasDiedAsync(), "it has died");
        await stop.CancelAsync();
        await consume;
    }

    static async Task ConsumeAsync(TpqQueue queue, Func<TpqDelivery, Task> handler, Func<Task<bool>> until, TpqConsumeOptions? options = null)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = queue.ConsumeAsync((delivery, _) => handler(delivery), options ?? Quick, stop.Token);
        await EventuallyAsync(async () => consume.IsCompleted || await until(), "what is consumed for");
        await stop.CancelAsync();
        await consume;
    }
}
