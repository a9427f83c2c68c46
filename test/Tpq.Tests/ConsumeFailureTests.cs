using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>What a consumer does with messages that fail.</summary>
public sealed class ConsumeFailureTests(Server server) : DatabaseTest(server)
{
    const string Rights = "GRANT SELECT, INSERT, DELETE, UPDATE ON ALL TABLES IN SCHEMA {0} TO {1}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA {0} TO {1}";

    readonly FakeLogCollector _logs = new();
    readonly ConcurrentQueue<(string Json, int Attempts)> _seen = [];

    [Fact]
    public async Task AMessageThatFails_IsUndone_TriedAgain_AndDiesInTheEnd_WhileOthersGoOn()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".ledger (seen text)");
        await queue.PutManyAsync(["\"bad\"", "1", "2"], Token);
        await ConsumeAsync(queue, async delivery =>
        {
            await ExecuteAsync(delivery.Connection, $"INSERT INTO \"{Schema}\".ledger VALUES ('{delivery.Message.Json}')");
            if (delivery.Message.Json == "\"bad\"")
                throw new InvalidDataException("rotten");
        }, until: async () => await HasDiedAsync(queue) && _seen.Count == 5, new TpqConsumeOptions { MaxAttempts = 3 });
        Assert.Equal(["\"bad\"", "1", "2", "\"bad\"", "\"bad\""], _seen.Select(s => s.Json));
        Assert.Equal([0, 0, 0, 1, 2], _seen.Select(s => s.Attempts));
        Assert.Equal("1,2", await ScalarAsync<string>("SELECT string_agg(seen, ',') FROM ledger"));
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Equal(("System.IO.InvalidDataException: rotten", "3"), (dead.Message.Headers["tpq-error"], dead.Message.Headers["tpq-attempts"]));
        // One line each, and the exception with it.
        Assert.Equal([1202, 1202, 1205], _logs.GetSnapshot().Where(r => r.Level >= LogLevel.Warning).Select(r => r.Id.Id));
        Assert.All(_logs.GetSnapshot().Where(r => r.Level >= LogLevel.Warning), r => Assert.IsType<InvalidDataException>(r.Exception));
    }

    [Fact]
    public async Task AFailureAtCommit_IsCountedToo()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".line (id int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO \"{Schema}\".line VALUES (1)");
        await queue.PutAsync("1", Token);
        await ConsumeAsync(queue, d => ExecuteAsync(d.Connection, $"INSERT INTO \"{Schema}\".line VALUES (1)"), () => HasDiedAsync(queue), new TpqConsumeOptions { MaxAttempts = 2 });
        Assert.Equal([0, 1], _seen.Select(s => s.Attempts));
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Contains("23505", dead.Message.Headers["tpq-error"]);
    }

    [Theory]
    [InlineData("rollback")]
    [InlineData("dispose")]
    [InlineData("a statement")]
    public async Task AFailure_IsCounted_WhateverBecameOfTheTransaction(string how)
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await ConsumeAsync(queue, async delivery =>
        {
            switch (how)
            {
                case "rollback": await delivery.Transaction.RollbackAsync(Token); break;
                case "dispose": await delivery.DisposeAsync(); break;
                default: await ExecuteAsync(delivery.Connection, "SELECT 1 / 0"); break;
            }
            throw new InvalidDataException();
        }, () => HasDiedAsync(queue), new TpqConsumeOptions { MaxAttempts = 3 });
        Assert.Equal([0, 1, 2], _seen.Select(s => s.Attempts));
    }

    [Fact]
    public async Task AHandlerThatSettlesItsDelivery_IsRespected()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await ConsumeAsync(queue, async delivery =>
        {
            switch (delivery.Message.Json)
            {
                case "1": await delivery.RetryAsync(TimeSpan.FromHours(1), "later", Token); break;
                case "2": await delivery.DeadLetterAsync("never", Token); break;
                default: await delivery.CommitAsync(Token); break;
            }
            if (delivery.Message.Json != "3")
                throw new InvalidDataException();
        }, () => Task.FromResult(_seen.Count == 3));
        Assert.Equal("later", await ScalarAsync<string>("SELECT headers->>'tpq-error' FROM tpq_orders_later WHERE data::text = '1'"));
        Assert.Equal("never", await ScalarAsync<string>("SELECT headers->>'tpq-error' FROM tpq_orders_dead WHERE data::text = '2'"));
        Assert.Equal(0, await queue.CountAsync(Token));
        Assert.Equal([1208, 1208], _logs.GetSnapshot().Where(r => r.Level >= LogLevel.Warning).Select(r => r.Id.Id));
    }

    [Fact]
    public async Task WhatCannotBeDeserialized_DiesAtOnce_AndBlocksNobody()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["[]", "{\"Id\": 7}"], Token);
        await ConsumeAsync(queue, delivery =>
        {
            delivery.Message.Deserialize(TestJson.Default.Order);
            return Task.CompletedTask;
        }, async () => _seen.Count == 2 && await HasDiedAsync(queue));
        Assert.Equal(0, await queue.CountAsync(Token));
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Equal(("[]", "1"), (dead.Message.Json, dead.Message.Headers["tpq-attempts"]));
    }

    [Fact]
    public async Task APayloadThatDoesNotSayOfWhichTypeItIs_DiesAtOnce()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("{}", Token);
        await ConsumeAsync(queue, delivery =>
        {
            delivery.Message.Deserialize(TestJson.Default.Change);
            return Task.CompletedTask;
        }, () => HasDiedAsync(queue));
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Equal("1", dead.Message.Headers["tpq-attempts"]);
    }

    [Fact]
    public async Task ADeadLetter_TellsWhatIsBehindTheException()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await ConsumeAsync(queue, _ => throw new InvalidOperationException("See inside.", new InvalidDataException("rotten", new IOException("wet"))),
            () => HasDiedAsync(queue), new TpqConsumeOptions { MaxAttempts = 1 });
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Equal("System.InvalidOperationException: See inside. ---> System.IO.InvalidDataException: rotten ---> System.IO.IOException: wet", dead.Message.Headers["tpq-error"]);
    }

    [Fact]
    public async Task AHandlerThatHasItTriedAgainWithoutAWord_IsNotSaidToHaveDied()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await ConsumeAsync(queue, delivery => delivery.RetryAsync(TimeSpan.Zero, cancellationToken: Token), () => HasDiedAsync(queue), new TpqConsumeOptions { MaxAttempts = 2 });
        Assert.Equal([0, 1], _seen.Select(s => s.Attempts));
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.EndsWith("or its handler had it tried again without a word.", dead.Message.Headers["tpq-error"]);
    }

    [Fact]
    public async Task AJsonExceptionOfTheHandlersOwn_IsAFailureAsAnyOther()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await ConsumeAsync(queue, _ => throw new JsonException(), () => HasDiedAsync(queue), new TpqConsumeOptions { MaxAttempts = 2 });
        Assert.Equal(2, _seen.Count);
    }

    [Fact]
    public async Task AHandlerThatTakesTooLong_IsCancelled_AndHasFailed()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = queue.ConsumeAsync(async (_, token) => await Task.Delay(Timeout.Infinite, token),
            new TpqConsumeOptions { MaxAttempts = 1, HandlerTimeout = TimeSpan.FromMilliseconds(50) }, stop.Token);
        await EventuallyAsync(() => HasDiedAsync(queue), "it has died");
        await stop.CancelAsync();
        await consume;
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Equal("The handler was not done within 00:00:00.0500000.", dead.Message.Headers["tpq-error"]);
    }

    [Fact]
    public async Task OneHandlersTime_IsNotTakenFromTheNext()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        var tokens = new List<CancellationToken>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await queue.ConsumeAsync(async (delivery, token) =>
        {
            tokens.Add(token);
            Assert.False(token.IsCancellationRequested);
            if (delivery.Message.Json == "1")
                await Task.Delay(Timeout.Infinite, token);
            if (tokens.Count == 3)
                await stop.CancelAsync();
        }, new TpqConsumeOptions { HandlerTimeout = TimeSpan.FromSeconds(0.2), Backoff = TimeSpan.FromMinutes(1) }, stop.Token);
        Assert.Equal(3, tokens.Count);
        Assert.Equal((0L, 1L), (await queue.CountAsync(Token), await ScalarAsync<long>("SELECT count(*) FROM tpq_orders_later WHERE attempts = 1")));
    }

    [Fact]
    public async Task Stopping_IsNotAnAttempt()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        for (int i = 0; i < 4; i++)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
            await queue.ConsumeAsync(async (delivery, token) =>
            {
                _seen.Enqueue((delivery.Message.Json, delivery.Message.Attempts));
                await stop.CancelAsync();
                await Task.Delay(Timeout.Infinite, token);
            }, new TpqConsumeOptions { Grace = TimeSpan.Zero, MaxAttempts = 2 }, stop.Token);
        }
        Assert.Equal([0, 0, 0, 0], _seen.Select(s => s.Attempts));
        await using TpqDelivery back = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.Equal(0, back.Message.Attempts);
    }

    [Fact]
    public async Task AQueueOfThePythonTpqs_IsConsumedWithAPause()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        int calls = 0;
        await ConsumeAsync(queue, _ => ++calls < 3 ? throw new InvalidDataException() : Task.CompletedTask, async () => await queue.CountAsync(Token) == 0);
        Assert.Equal(["1", "1", "1", "2"], _seen.Select(s => s.Json));
        Assert.Equal(2, _logs.GetSnapshot().Count(r => r.Id.Id == 1207));
    }

    [Fact]
    public async Task WhereNothingCanDie_ItIsKept_AndDiesWhenItCan()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using var role = await LimitedRole.CreateAsync(Server, Schema, Rights);
        await using TpqClient client = NewClient(role.Settings);
        bool exists = false;
        await ConsumeAsync(client.Queue("orders"), _ => throw new InvalidDataException(), async () =>
        {
            if (!exists && _logs.GetSnapshot().Count(r => r.Id.Id == 1206) >= 3)
            {
                exists = await Client.Queue("orders_dead").CreateAsync(cancellationToken: Token);
                await role.GrantAsync(Rights);
            }
            return exists && await HasDiedAsync(queue);
        }, new TpqConsumeOptions { MaxAttempts = 2 });
        Assert.Equal([0, 1], _seen.Select(s => s.Attempts));
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.StartsWith("System.IO.InvalidDataException", dead.Message.Headers["tpq-error"]);
    }

    [Fact]
    public async Task SeveralAreHandledAtOnce_AndWhenOneWorkerCannotGoOn_AllStop()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        using var all = new CountdownEvent(3);
        var go = new TaskCompletionSource();
        Task consume = queue.ConsumeAsync(async (_, _) =>
        {
            all.Signal();
            await go.Task;
        }, new TpqConsumeOptions { Concurrency = 3 }, Token);
        await EventuallyAsync(() => Task.FromResult(all.IsSet), "three are at work");
        go.SetResult();
        await EventuallyAsync(async () => await queue.CountAsync(Token) == 0, "all are done");
        await queue.DropAsync(Token);
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => consume);
    }

    [Fact]
    public void ThePause_Doubles_UpToTheLongest_AndHalfOfItIsChance()
    {
        var options = new TpqConsumeOptions { MaxBackoff = TimeSpan.FromSeconds(20) };
        foreach ((int failures, double longest) in new[] { (1, 1.0), (2, 2), (3, 4), (5, 16), (6, 20), (2000, 20) })
        {
            TimeSpan[] pauses = [.. Enumerable.Range(0, 200).Select(_ => Backoff.After(failures, options))];
            Assert.All(pauses, p => Assert.InRange(p.TotalSeconds, longest / 2, longest));
            Assert.True(pauses.Max() - pauses.Min() > TimeSpan.FromSeconds(longest / 4));
        }
        Assert.Equal(TimeSpan.Zero, Backoff.After(3, new TpqConsumeOptions { Backoff = TimeSpan.Zero }));
    }

    [Fact]
    public void Options_RefuseWhatMakesNoSense()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new TpqConsumeOptions { Concurrency = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new TpqConsumeOptions { MaxAttempts = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new TpqConsumeOptions { HandlerTimeout = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(() => new TpqConsumeOptions { HandlerTimeout = TimeSpan.FromDays(25) });
        Assert.Equal(Timeout.InfiniteTimeSpan, new TpqConsumeOptions { HandlerTimeout = Timeout.InfiniteTimeSpan }.HandlerTimeout);
    }

    /// <summary>Consumes, noting what is seen, until something is true.</summary>
    async Task ConsumeAsync(TpqQueue queue, Func<TpqDelivery, Task> handler, Func<Task<bool>> until, TpqConsumeOptions? options = null)
    {
        options ??= new TpqConsumeOptions();
        (options.Backoff, options.MaxBackoff) = (TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(40));
        using ILoggerFactory loggers = LoggerFactory.Create(b => b.AddProvider(new FakeLoggerProvider(_logs)));
        await using TpqClient client = new(queue.Client.DataSource, new TpqClientOptions { Schema = Schema, LoggerFactory = loggers });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = client.Queue(queue.Name).ConsumeAsync(async (delivery, _) =>
        {
            _seen.Enqueue((delivery.Message.Json, delivery.Message.Attempts));
            await handler(delivery);
        }, options, stop.Token);
        await EventuallyAsync(async () => consume.IsCompleted || await until(), "what is consumed for");
        await stop.CancelAsync();
        await consume;
    }

    async Task<bool> HasDiedAsync(TpqQueue queue)
    {
        TpqQueue dead = Client.Queue(queue.Name + "_dead");
        return await dead.ExistsAsync(Token) && await dead.CountAsync(Token) == 1;
    }
}
