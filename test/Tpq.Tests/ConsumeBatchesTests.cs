using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Consumers of batches, and of several queues.</summary>
public sealed class ConsumeBatchesTests(Server server) : DatabaseTest(server)
{
    readonly ConcurrentQueue<string> _seen = [];
    readonly FakeLogCollector _logs = new();

    [Fact]
    public async Task ABatch_IsHandledInOneTransaction_WithWhatTheHandlerWrote()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".ledger (seen text, xid xid8 DEFAULT pg_current_xact_id())");
        await queue.PutManyAsync(Enumerable.Range(1, 25).Select(i => $"{i}"), Token);
        await ConsumeAsync(queue, 10, WriteAsync, async () => await queue.CountAsync(Token) == 0);
        Assert.Equal(["1-10", "11-20", "21-25"], _seen);
        Assert.Equal(25, await ScalarAsync<long>("SELECT count(DISTINCT seen) FROM ledger"));
    }

    [Fact]
    public async Task ABatchThatFails_IsUndone_AndItsMessagesAreHandledOneByOne_OfWhichTheBadOneIsCountedAlone()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".ledger (seen text)");
        await queue.PutManyAsync(["1", "2", "3", "4", "5", "6"], Token);
        await ConsumeAsync(queue, 4, async batch =>
        {
            await WriteAsync(batch);
            if (batch.Any(m => m.Json == "2"))
                throw new InvalidDataException("rotten");
        }, HasDiedAsync);
        // Where this machine is slow, the bad one is back before the next batch is taken, and in it.
        Assert.Equal(["1-4", "1-1", "2-2", "3-3", "4-4"], _seen.Take(5));
        Assert.Equal("1,3,4,5,6", await ScalarAsync<string>("SELECT string_agg(seen, ',' ORDER BY seen) FROM ledger"));
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Equal(("2", "2", "System.IO.InvalidDataException: rotten"), (dead.Message.Json, dead.Message.Headers["tpq-attempts"], dead.Message.Headers["tpq-error"]));
        Assert.Equal([1213, 1202, 1205], _logs.GetSnapshot().Where(r => r.Level >= LogLevel.Warning).Select(r => r.Id.Id).Distinct());
    }

    /// <summary>The second batch came along with the first one's commit, on its connection and behind a savepoint set with it.</summary>
    [Fact]
    public async Task ABatchThatCameAlong_IsUndoneByItself_WhenItFails()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".ledger (seen text)");
        await queue.PutManyAsync(["1", "2", "3", "4", "5", "6"], Token);
        bool hasFailed = false;
        await ConsumeAsync(queue, 3, async batch =>
        {
            await WriteAsync(batch);
            if (batch.Any(m => m.Json == "5") && !hasFailed)
            {
                hasFailed = true;
                throw new InvalidDataException("not now");
            }
        }, async () => await queue.CountAsync(Token) == 0);
        Assert.Equal(["1-3", "4-6", "4-4", "5-5", "6-6"], _seen);
        Assert.Equal("1,2,3,4,5,6", await ScalarAsync<string>("SELECT string_agg(seen, ',' ORDER BY seen) FROM ledger"));
    }

    [Fact]
    public async Task WhatTheLastCommitTookAlong_IsGivenBack_WhenTheConsumerIsStopped()
    {
        // For this client it is never time to look back: all its takes but the first are plain, and sent along.
        await using TpqClient client = NewClient(time: new FakeTimeProvider());
        await NewQueueAsync();
        TpqQueue queue = client.Queue("orders");
        await queue.PutManyAsync(["1", "2", "3", "4"], Token);
        await using NpgsqlConnection locking = await OpenAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task locked = Task.CompletedTask;
        Task consume = queue.ConsumeBatchesAsync(2, async (batch, _) =>
        {
            // It waits for the batch in hand, and the take of the next one waits behind it.
            locked = ExecuteAsync(locking, "BEGIN; LOCK TABLE tpq_orders IN ACCESS EXCLUSIVE MODE");
            await EventuallyAsync(
                () => ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'tpq_orders'::regclass AND NOT granted)"), "the lock is waited for");
            Note(batch);
        }, null, stop.Token);
        await EventuallyAsync(() => Task.FromResult(locked.IsCompletedSuccessfully && _seen.Count == 1), "the first batch is committed");
        await stop.CancelAsync();
        await ExecuteAsync(locking, "COMMIT");
        await consume;
        Assert.Equal(["1-2"], _seen);
        Assert.All(await queue.PeekAsync(10, cancellationToken: Token), static waiting => Assert.False(waiting.Taken));
        Assert.Equal(["3", "4"], await DrainAsync(queue));
    }

    [Fact]
    public async Task ABatchWhoseCommitFails_IsHandledOneByOneToo()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".line (seen text UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO \"{Schema}\".line VALUES ('2')");
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await ConsumeAsync(queue, 10, async batch =>
        {
            Note(batch);
            foreach (TpqMessage message in batch)
                await ExecuteAsync(batch.Connection, $"INSERT INTO \"{Schema}\".line VALUES ('{message.Json}')");
        }, HasDiedAsync);
        Assert.Equal("1,2,3", await ScalarAsync<string>("SELECT string_agg(seen, ',' ORDER BY seen) FROM line"));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task ABatchThatIsCommittedByItsHandler_IsDone_AndOneThatIsGivenBackComesAgain()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        int calls = 0;
        await ConsumeAsync(queue, 10, async batch =>
        {
            Note(batch);
            switch (++calls)
            {
                case 1: await batch.DisposeAsync(); break;
                case 2: await batch.CommitAsync(Token); break;
                default: await batch.Transaction.CommitAsync(Token); break;
            }
        }, async () => await queue.CountAsync(Token) == 0);
        Assert.Equal(["1-2", "1-1", "2-2"], _seen);
    }

    [Fact]
    public async Task AStoppedConsumer_GivesTheBatchBack_Uncounted()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await queue.ConsumeBatchesAsync(5, async (batch, token) =>
        {
            await stop.CancelAsync();
            await Task.Delay(Timeout.Infinite, token);
        }, new TpqConsumeOptions { Grace = TimeSpan.Zero }, stop.Token);
        Assert.Equal(["1", "2"], await DrainAsync(queue));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => queue.ConsumeBatchesAsync(0, (_, _) => Task.CompletedTask, cancellationToken: Token));
    }

    [Fact]
    public async Task OfSeveralQueues_TheFirstThatHasSomethingIsTakenFrom_AndAllAreWaitedFor()
    {
        TpqQueue urgent = await NewQueueAsync("urgent"), orders = await NewQueueAsync();
        await orders.PutManyAsync(["1", "2", "3"], Token);
        await urgent.PutAsync("\"a\"", Token);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = Client.ConsumeAsync([urgent, orders], async (delivery, _) =>
        {
            _seen.Enqueue(delivery.Message.Json);
            if (delivery.Message.Json == "1")
                await urgent.PutAsync("\"b\"", Token);
        }, cancellationToken: stop.Token);
        await EventuallyAsync(() => Task.FromResult(_seen.Count == 5), "all are handled");
        Assert.Equal(["\"a\"", "1", "\"b\"", "2", "3"], _seen);
        // Asleep, it is woken for either.
        await EventuallyAsync(() => Task.FromResult(Client.State("orders").Sleepers.CountAsleep + Client.State("urgent").Sleepers.CountAsleep == 2), "it sleeps");
        await orders.PutAsync("4", Token);
        await EventuallyAsync(() => Task.FromResult(_seen.Count == 6), "the one is heard");
        await urgent.PutAsync("5", Token);
        await EventuallyAsync(() => Task.FromResult(_seen.Count == 7), "the other is heard");
        await urgent.PauseAsync(Token);
        await EventuallyAsync(() => Task.FromResult(Client.State("urgent").Later.IsPaused), "it is paused");
        await urgent.PutAsync("6", Token);
        await orders.PutAsync("7", Token);
        await EventuallyAsync(() => Task.FromResult(_seen.Count == 8), "the other goes on");
        await urgent.ResumeAsync(Token);
        await EventuallyAsync(() => Task.FromResult(_seen.Count == 9), "the paused one goes on");
        Assert.Equal(["7", "6"], _seen.Skip(7));
        await stop.CancelAsync();
        await consume;
        Assert.Equal((0L, 0L), (await urgent.CountAsync(Token), await orders.CountAsync(Token)));
    }

    [Fact]
    public async Task ARingThatABusyConsumerHears_IsPassedOnToOneThatSleeps()
    {
        TpqQueue urgent = await NewQueueAsync("urgent"), orders = await NewQueueAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var finish = new TaskCompletionSource();
        await using TpqClient client = NewClient(looksByClock: false);
        Task both = client.ConsumeAsync([client.Queue("urgent"), client.Queue("orders")], async (delivery, _) =>
        {
            _seen.Enqueue(delivery.Message.Json);
            if (delivery.Message.Queue == "urgent")
                await finish.Task;
        }, cancellationToken: stop.Token);
        Task one = client.Queue("orders").ConsumeAsync((delivery, _) =>
        {
            _seen.Enqueue(delivery.Message.Json);
            return Task.CompletedTask;
        }, cancellationToken: stop.Token);
        await EventuallyAsync(() => Task.FromResult(client.State("orders").Sleepers.CountAsleep == 2), "both sleep");
        for (int i = 1; i <= 20; i++)
        {
            // In one transaction, so that the rings come together: whoever hears both takes the urgent one.
            await using var connection = await OpenAsync();
            await using var transaction = await connection.BeginTransactionAsync(Token);
            await orders.In(transaction).PutAsync($"{i}", Token);
            if (i == 1)
                await urgent.In(transaction).PutAsync("\"u\"", Token);
            await transaction.CommitAsync(Token);
            await EventuallyAsync(() => Task.FromResult(_seen.Count == i + 1), "who sleeps has got it");
        }
        finish.SetResult();
        await stop.CancelAsync();
        await Task.WhenAll(both, one);
    }

    [Fact]
    public async Task AListOfQueues_IsChecked()
    {
        TpqQueue queue = await NewQueueAsync();
        await using TpqClient other = NewClient();
        foreach (TpqQueue[] queues in new TpqQueue[][] { [], [queue, Client.Queue("orders")], [queue, other.Queue("urgent")] })
            await Assert.ThrowsAsync<ArgumentException>(() => Client.ConsumeAsync(queues, (_, _) => Task.CompletedTask, cancellationToken: Token));
        TpqQueueNotFoundException missing = await Assert.ThrowsAsync<TpqQueueNotFoundException>(
            () => Client.ConsumeAsync([queue, Client.Queue("missing")], (_, _) => Task.CompletedTask, cancellationToken: Token));
        Assert.Equal("missing", missing.Queue);
    }

    async Task WriteAsync(TpqBatch batch)
    {
        Note(batch);
        foreach (TpqMessage message in batch)
            await ExecuteAsync(batch.Connection, $"INSERT INTO \"{Schema}\".ledger (seen) VALUES ('{message.Json}')");
    }

    void Note(TpqBatch batch) => _seen.Enqueue($"{batch[0].Json}-{batch[^1].Json}");

    async Task ConsumeAsync(TpqQueue queue, int max, Func<TpqBatch, Task> handler, Func<Task<bool>> until)
    {
        var options = new TpqConsumeOptions { MaxAttempts = 2, Backoff = TimeSpan.FromMilliseconds(300) };
        using ILoggerFactory loggers = LoggerFactory.Create(b => b.AddProvider(new FakeLoggerProvider(_logs)));
        await using TpqClient client = new(queue.Client.DataSource, new TpqClientOptions { Schema = Schema, LoggerFactory = loggers });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = client.Queue(queue.Name).ConsumeBatchesAsync(max, (batch, _) => handler(batch), options, stop.Token);
        await EventuallyAsync(async () => consume.IsCompleted || await until(), "what is consumed for");
        await stop.CancelAsync();
        await consume;
    }

    async Task<bool> HasDiedAsync() => await Client.Queue("orders_dead").ExistsAsync(Token) && await Client.Queue("orders_dead").CountAsync(Token) == 1;
}
