using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Consumers of leased messages, and the pause that all consumers obey.</summary>
public sealed class ConsumeLeasedTests(Server server) : DatabaseTest(server)
{
    readonly ConcurrentQueue<(string Json, int Attempts)> _seen = [];
    readonly FakeLogCollector _logs = new();

    [Fact]
    public async Task MessagesAreHandledInOrder_AndCompleted()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await ConsumeAsync(queue, _ => Task.CompletedTask, async () => _seen.Count == 3 && await IsEmptyAsync());
        Assert.Equal(["1", "2", "3"], _seen.Select(s => s.Json));
    }

    [Fact]
    public async Task ManyAreHandledAtOnce_OnFewConnections()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(Enumerable.Range(1, 300).Select(i => $"{i}"), Token);
        var go = new TaskCompletionSource();
        int most = 0;
        await using TpqClient client = NewClient("Maximum Pool Size=4");
        await ConsumeAsync(client.Queue("orders"), _ => go.Task, async () =>
        {
            most = Math.Max(most, _seen.Count);
            if (_seen.Count == 250)
                go.TrySetResult();
            return _seen.Count == 300 && await IsEmptyAsync();
        }, new TpqConsumeOptions { Concurrency = 250 });
        Assert.Equal(300, _seen.Select(s => s.Json).Distinct().Count());
    }

    [Fact]
    public async Task AFailure_IsTriedAgain_AndDiesInTheEnd_WhileOthersGoOn()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["\"bad\"", "1"], Token);
        await ConsumeAsync(queue, lease => lease.Message.Json == "1" ? Task.CompletedTask : throw new InvalidDataException("rotten"), HasDiedAsync, new TpqConsumeOptions { MaxAttempts = 2 });
        Assert.Equal([("\"bad\"", 0), ("1", 0), ("\"bad\"", 1)], _seen);
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Equal(("System.IO.InvalidDataException: rotten", "2"), (dead.Message.Headers["tpq-error"], dead.Message.Headers["tpq-attempts"]));
        Assert.True(await IsEmptyAsync());
    }

    [Fact]
    public async Task ALeaseThatIsLost_CancelsItsHandler_IsCountedOnce_AndDiesAtTheLimit()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("1", Token);
        await using TpqClient client = NewClient();
        await ConsumeAsync(client.Queue("orders"), async (_, token) =>
        {
            // The time is over, and somebody moves it back before it is renewed.
            await ExecuteAsync($"UPDATE \"{Schema}\".tpq_orders_later SET due_at = now() - interval '1 s'");
            await ExecuteAsync(Client.State("orders").Sql.MoveDue.Replace("$1", $"ARRAY(SELECT id FROM \"{Schema}\".tpq_orders_later WHERE due_at <= now())"));
            await Task.Delay(Timeout.Infinite, token);
        }, HasDiedAsync, new TpqConsumeOptions { MaxAttempts = 2, LeaseDuration = TimeSpan.FromSeconds(1), Concurrency = 2 });
        Assert.Equal([0, 1], _seen.Select(s => s.Attempts));
        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Equal("2", dead.Message.Headers["tpq-attempts"]);
        Assert.Equal(2, _logs.GetSnapshot().Count(r => r.Id.Id == 1211));
    }

    [Fact]
    public async Task AHandlerThatSettlesItsLease_IsRespected()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await ConsumeAsync(queue, async lease =>
        {
            switch (lease.Message.Json)
            {
                case "1": await lease.RetryAsync(TimeSpan.FromHours(1), "later", Token); break;
                case "2": await lease.DeadLetterAsync("never", Token); break;
                default:
                    await using (NpgsqlConnection connection = await OpenAsync())
                    {
                        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
                        await lease.CompleteAsync(transaction, Token);
                        await transaction.CommitAsync(Token);
                    }
                    break;
            }
        }, () => Task.FromResult(_seen.Count == 3));
        Assert.Equal("later", await ScalarAsync<string>("SELECT headers->>'tpq-error' FROM tpq_orders_later"));
        Assert.Equal(0, await queue.CountAsync(Token));
        Assert.True(await HasDiedAsync());
        Assert.DoesNotContain(_logs.GetSnapshot(), r => r.Level >= LogLevel.Warning);
    }

    [Fact]
    public async Task AStoppedConsumer_GivesBackWhatIsNotDoneWithinTheGrace_Uncounted()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await queue.ConsumeLeasedAsync(async (lease, token) =>
        {
            _seen.Enqueue((lease.Message.Json, lease.Message.Attempts));
            if (_seen.Count == 2)
                await stop.CancelAsync();
            await Task.Delay(Timeout.Infinite, token);
        }, new TpqConsumeOptions { Concurrency = 2, Grace = TimeSpan.Zero }, stop.Token);
        await using TpqDelivery first = (await queue.GetAsync(TimeSpan.FromSeconds(20), Token))!;
        Assert.Equal(0, first.Message.Attempts);
        await first.CommitAsync(Token);
        Assert.Single(await DrainAsync(queue));
    }

    [Fact]
    public async Task AQueueThatIsDropped_StopsTheConsumer()
    {
        TpqQueue queue = await NewQueueAsync();
        Task consume = queue.ConsumeLeasedAsync((_, _) => Task.CompletedTask, cancellationToken: Token);
        await queue.DropAsync(Token);
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => consume);
    }

    [Theory]
    [InlineData(true, TpqNotify.Auto)]
    [InlineData(false, TpqNotify.Auto)]
    [InlineData(false, TpqNotify.Never)]
    public async Task APausedQueue_IsLeftAlone_ByConsumersOfAllClients_UntilItIsResumed(bool leased, TpqNotify notify)
    {
        TpqQueue queue = await NewQueueAsync(notify: notify);
        await using TpqClient client = NewClient();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        TpqQueue consumed = client.Queue("orders");
        Task consume = leased
            ? consumed.ConsumeLeasedAsync((lease, _) => NoteAsync(lease.Message), cancellationToken: stop.Token)
            : consumed.ConsumeAsync((delivery, _) => NoteAsync(delivery.Message), cancellationToken: stop.Token);
        await queue.PutAsync("1", Token);
        await EventuallyAsync(() => Task.FromResult(_seen.Count == 1), "it is consumed");
        Assert.True(await queue.PauseAsync(Token));
        Assert.False(await queue.PauseAsync(Token));
        await EventuallyAsync(() => Task.FromResult(client.State("orders").Later.IsPaused), "it is paused");
        // A look that had begun before is made to its end: it may take one.
        await queue.PutManyAsync(["2", "3"], Token);
        // A consumer that starts while it is paused takes nothing either, and a get by hand does.
        await using TpqClient late = NewClient();
        Task other = late.Queue("orders").ConsumeAsync((delivery, _) => NoteAsync(delivery.Message), cancellationToken: stop.Token);
        await EventuallyAsync(() => Task.FromResult(late.State("orders").Later.IsPaused), "it is paused there too");
        await using (TpqDelivery? byHand = await queue.GetAsync(cancellationToken: Token))
            Assert.NotNull(byHand);
        Assert.InRange(_seen.Count, 1, 2);
        Assert.True(await queue.ResumeAsync(Token));
        Assert.False(await queue.ResumeAsync(Token));
        await EventuallyAsync(() => Task.FromResult(_seen.Count == 3), "it is consumed again");
        await stop.CancelAsync();
        await Task.WhenAll(consume, other);
        Assert.Equal(["1", "2", "3"], _seen.Select(s => s.Json).Order());
    }

    [Fact]
    public async Task APause_IsRefused_WhereItCannotBeKept()
    {
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("missing").PauseAsync(Token));
        await NewPythonQueueAsync();
        Assert.Contains("tpq upgrade", (await Assert.ThrowsAsync<TpqException>(() => Client.Queue("orders").PauseAsync(Token))).Message);
    }

    [Fact]
    public async Task ABusyConsumer_SeesThePause_Too()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(Enumerable.Range(1, 50_000).Select(i => $"{i}"), Token);
        await using TpqClient client = NewClient();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = client.Queue("orders").ConsumeAsync((delivery, _) => NoteAsync(delivery.Message), cancellationToken: stop.Token);
        await EventuallyAsync(() => Task.FromResult(_seen.Count > 10), "it is busy");
        await queue.PauseAsync(Token);
        await EventuallyAsync(() => Task.FromResult(client.State("orders").Later.IsPaused), "it has seen it");
        await EventuallyAsync(async () =>
        {
            int before = _seen.Count;
            await Task.Delay(100, Token);
            return _seen.Count == before;
        }, "it has stopped");
        Assert.InRange(_seen.Count, 11, 49_999);
        await stop.CancelAsync();
        await consume;
    }

    Task NoteAsync(TpqMessage message)
    {
        _seen.Enqueue((message.Json, message.Attempts));
        return Task.CompletedTask;
    }

    Task ConsumeAsync(TpqQueue queue, Func<TpqLease, Task> handler, Func<Task<bool>> until, TpqConsumeOptions? options = null) =>
        ConsumeAsync(queue, (lease, _) => handler(lease), until, options);

    async Task ConsumeAsync(TpqQueue queue, Func<TpqLease, CancellationToken, Task> handler, Func<Task<bool>> until, TpqConsumeOptions? options = null)
    {
        options ??= new TpqConsumeOptions();
        (options.Backoff, options.MaxBackoff) = (TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(40));
        using ILoggerFactory loggers = LoggerFactory.Create(b => b.AddProvider(new FakeLoggerProvider(_logs)));
        await using TpqClient client = new(queue.Client.DataSource, new TpqClientOptions { Schema = Schema, LoggerFactory = loggers });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = client.Queue(queue.Name).ConsumeLeasedAsync(async (lease, token) =>
        {
            await NoteAsync(lease.Message);
            await handler(lease, token);
        }, options, stop.Token);
        await EventuallyAsync(async () => consume.IsCompleted || await until(), "what is consumed for");
        await stop.CancelAsync();
        await consume;
    }

    async Task<bool> IsEmptyAsync() => await ScalarAsync<long>("SELECT (SELECT count(*) FROM tpq_orders) + (SELECT count(*) FROM tpq_orders_later)") == 0;

    async Task<bool> HasDiedAsync() => await Client.Queue("orders_dead").ExistsAsync(Token) && await Client.Queue("orders_dead").CountAsync(Token) == 1;
}
