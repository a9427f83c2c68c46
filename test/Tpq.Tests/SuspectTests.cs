using System.Collections.Concurrent;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Messages whose consumer died, and left no count of it.</summary>
public sealed class SuspectTests(Server server) : DatabaseTest(server)
{
    readonly ConcurrentQueue<int> _attempts = [];

    [Fact]
    public async Task AMessageThatEndsItsSession_EachTime_DiesAtTheLimit()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["\"poison\"", "1"], Token);
        await ConsumeAsync(queue, async delivery =>
        {
            if (delivery.Message.Json == "1")
                return;
            _attempts.Enqueue(delivery.Message.Attempts);
            await ExecuteAsync($"SELECT pg_terminate_backend({delivery.Connection.ProcessID}, 10000)");
            await ExecuteAsync(delivery.Connection, "SELECT 1");
        }, async () => await Client.Queue("orders_dead").ExistsAsync(Token) && await Client.Queue("orders_dead").CountAsync(Token) == 1 && await queue.CountAsync(Token) == 0);
        // The first death goes uncounted.
        Assert.Equal([0, 0, 1, 2], _attempts);
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Equal(("\"poison\"", "3"), (dead.Message.Json, dead.Message.Headers["tpq-attempts"]));
        Assert.Contains("No delivery came to an end", dead.Message.Headers["tpq-error"]);
    }

    [Fact]
    public async Task AMessageThatWasRedriven_DoesNotDieOfItsFormerError()
    {
        TpqQueue queue = await NewQueueAsync(), deadLetters = Client.Queue("orders_dead");
        await queue.PutAsync("1", Token);
        await using (TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!)
            await delivery.DeadLetterAsync("mended since", Token);
        Assert.Equal(1, await deadLetters.MoveToAsync(queue, cancellationToken: Token));
        await ConsumeAsync(queue, async delivery =>
        {
            Assert.Equal("mended since", delivery.Message.Headers["tpq-error"]);
            await ExecuteAsync($"SELECT pg_terminate_backend({delivery.Connection.ProcessID}, 10000)");
            await ExecuteAsync(delivery.Connection, "SELECT 1");
        }, async () => await deadLetters.CountAsync(Token) == 1);
        Assert.Contains("No delivery came to an end", (await deadLetters.PeekAsync(1, Token))[0].Message.Headers["tpq-error"]);
        // What it tells in its new life counts again.
        await deadLetters.MoveToAsync(queue, cancellationToken: Token);
        int deliveries = 0;
        await ConsumeAsync(queue, async delivery =>
        {
            if (deliveries++ == 0)
                throw new InvalidDataException("new");
            await ExecuteAsync($"SELECT pg_terminate_backend({delivery.Connection.ProcessID}, 10000)");
            await ExecuteAsync(delivery.Connection, "SELECT 1");
        }, async () => await deadLetters.CountAsync(Token) == 1);
        Assert.Equal("System.IO.InvalidDataException: new", (await deadLetters.PeekAsync(1, Token))[0].Message.Headers["tpq-error"]);
    }

    [Fact]
    public async Task EachFreshProcess_CountsTheDeathOfTheOneBefore()
    {
        TpqQueue queue = await NewQueueAsync();
        long id = await queue.PutAsync("1", Token);
        for (int i = 0; i < 3; i++)
        {
            await using TpqClient client = NewClient("Application Name=victim");
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
            Task consume = client.Queue("orders").ConsumeAsync(async (delivery, _) =>
            {
                Assert.Equal(id, delivery.Message.Id);
                _attempts.Enqueue(delivery.Message.Attempts);
                await stop.CancelAsync();
                // All connections die at once, as with the process: nothing of what follows reaches the server.
                await ExecuteAsync("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'victim'");
                throw new InvalidDataException();
            }, null, stop.Token);
            await consume;
        }
        Assert.Equal([0, 0, 1], _attempts);
    }

    [Fact]
    public async Task WhatWasGivenBackInPeace_IsNotCounted()
    {
        TpqQueue queue = await NewQueueAsync();
        long id = await queue.PutAsync(new TpqPut("1") { Headers = new Dictionary<string, string> { ["a"] = "b" } }, Token);
        for (int i = 0; i < 3; i++)
        {
            // By a dispose, which leaves the mark; then by a consumer that is stopped, which is the second to have it.
            await using (TpqDelivery? delivery = await queue.GetAsync(cancellationToken: Token))
                Assert.Equal(0, delivery!.Message.Attempts);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
            await queue.ConsumeAsync(async (delivery, token) =>
            {
                _attempts.Enqueue(delivery.Message.Attempts);
                Assert.Equal(1, await ScalarAsync<int>("SELECT attempts FROM tpq_orders"));
                await stop.CancelAsync();
                await Task.Delay(Timeout.Infinite, token);
            }, new TpqConsumeOptions { Grace = TimeSpan.Zero }, stop.Token);
        }
        Assert.Equal([0, 0, 0], _attempts);
        await using TpqDelivery back = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.Equal((id, 0, "b"), (back.Message.Id, back.Message.Attempts, back.Message.Headers["a"]));
    }

    [Fact]
    public async Task ASuspectThatFails_IsCountedOnce()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await (await queue.GetAsync(cancellationToken: Token))!.DisposeAsync();
        await ConsumeAsync(queue, delivery =>
        {
            _attempts.Enqueue(delivery.Message.Attempts);
            throw new InvalidDataException();
        }, async () => await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later WHERE attempts = 1") == 1, TimeSpan.FromHours(1));
        Assert.Equal([0], _attempts);
    }

    /// <summary>It was put back for it, below where the takes go on.</summary>
    [Fact]
    public async Task ASuspectThatIsLost_BeforeItIsTakenAgain_IsStillTheNextMessage()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await (await queue.GetAsync(cancellationToken: Token))!.DisposeAsync();
        await ExecuteAsync(
            $"""
            CREATE SEQUENCE "{Schema}".takes;
            CREATE FUNCTION "{Schema}".die_once() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
                IF OLD.attempts = 1 AND nextval(''"{Schema}".takes'') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
                RETURN OLD; END';
            CREATE TRIGGER die_once BEFORE DELETE ON "{Schema}".tpq_orders FOR EACH ROW EXECUTE FUNCTION "{Schema}".die_once();
            """);
        // With no time that passes no sweep is due, which would find it.
        await using TpqClient client = NewClient(time: new StoppedTime());
        var handled = new ConcurrentQueue<string>();
        await ConsumeAsync(client.Queue("orders"), delivery =>
        {
            handled.Enqueue(delivery.Message.Json);
            return Task.CompletedTask;
        }, async () => await queue.CountAsync(Token) == 0);
        Assert.Equal(["1", "2"], handled);
        Assert.True(await ScalarAsync<bool>($"SELECT is_called FROM \"{Schema}\".takes"));
    }

    [Fact]
    public async Task ASuspectIsMarked_AndAMessageThatNobodyTouchedIsNot()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        await using (NpgsqlConnection connection = await OpenAsync())
        {
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
            await ExecuteAsync(connection, "DELETE FROM tpq_orders WHERE id = 2");
            await ExecuteAsync($"SELECT pg_terminate_backend({connection.ProcessID}, 10000)");
        }
        await using (TpqBatch? batch = await queue.GetManyAsync(2, cancellationToken: Token))
            Assert.Equal([false, true], batch!.Select(m => m.IsSuspect));
    }

    [Fact]
    public async Task AQueueOfThePythonTpqs_IsConsumed_ThoughItsDeathsCannotBeCounted()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        await queue.PutAsync("1", Token);
        await (await queue.GetAsync(cancellationToken: Token))!.DisposeAsync();
        await ConsumeAsync(queue, delivery =>
        {
            _attempts.Enqueue(delivery.Message.Attempts);
            return Task.CompletedTask;
        }, async () => await queue.CountAsync(Token) == 0);
        Assert.Equal([0], _attempts);
    }

    static async Task ConsumeAsync(TpqQueue queue, Func<TpqDelivery, Task> handler, Func<Task<bool>> until, TimeSpan? backoff = null)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        TimeSpan pause = backoff ?? TimeSpan.FromMilliseconds(10);
        Task consume = queue.ConsumeAsync((delivery, _) => handler(delivery), new TpqConsumeOptions { MaxAttempts = 3, Backoff = pause, MaxBackoff = pause }, stop.Token);
        await EventuallyAsync(async () => consume.IsCompleted || await until(), "what is consumed for");
        await stop.CancelAsync();
        await consume;
    }
}
