using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class ConsumeTests(Server server) : DatabaseTest(server)
{
    static readonly TpqConsumeOptions Quick = new() { Backoff = TimeSpan.FromMilliseconds(10), MaxBackoff = TimeSpan.FromMilliseconds(20) };

    readonly FakeLogCollector _logs = new();

    [Fact]
    public async Task Consume_CommitsWhenTheHandlerReturns_InOrder()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".ledger (seen text)");
        await queue.PutManyAsync(["1", "2", "3"], Token);
        using var stop = new CancellationTokenSource();
        var seen = new List<string>();
        await queue.ConsumeAsync(async (delivery, token) =>
        {
            await using var write = new NpgsqlCommand($"INSERT INTO \"{Schema}\".ledger VALUES ($1)", delivery.Connection, delivery.Transaction);
            write.Parameters.Add(new() { Value = delivery.Message.Json });
            await write.ExecuteNonQueryAsync(token);
            seen.Add(delivery.Message.Json);
            if (seen.Count == 3)
                await stop.CancelAsync();
        }, null, stop.Token);
        Assert.Equal(["1", "2", "3"], seen);
        Assert.Equal("1,2,3", await ScalarAsync<string>("SELECT string_agg(seen, ',') FROM ledger"));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task Consume_RespectsAHandlerThatEndsItsDeliveryItself()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        using var stop = new CancellationTokenSource();
        var seen = new List<string>();
        await queue.ConsumeAsync(async (delivery, _) =>
        {
            seen.Add(delivery.Message.Json);
            switch (seen.Count)
            {
                case 1: await delivery.CommitAsync(Token); break;
                case 2: await delivery.Transaction.CommitAsync(Token); break;
                case 3: await delivery.DisposeAsync(); break;
                default: await stop.CancelAsync(); break;
            }
        }, null, stop.Token);
        Assert.Equal(["1", "2", "3", "3"], seen);
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    /// <summary>It may go on for long, and must not keep the next message from others meanwhile: not even where it was itself taken along.</summary>
    [Fact]
    public async Task AHandlerThatCommitsItself_TakesNoMessageAlong()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        using var stop = new CancellationTokenSource();
        string? free = null;
        await queue.ConsumeAsync(async (delivery, _) =>
        {
            if (delivery.Message.Json != "2")
                return;
            await delivery.CommitAsync(Token);
            await using TpqDelivery? next = await Client.Queue("orders").GetAsync(cancellationToken: Token);
            free = next?.Message.Json;
            await stop.CancelAsync();
        }, null, stop.Token);
        Assert.Equal("3", free);
    }

    [Fact]
    public async Task Consume_ReturnsNormally_WhenItIsStoppedWhileItWaits()
    {
        TpqQueue queue = await NewQueueAsync();
        using var stop = new CancellationTokenSource();
        Task consume = queue.ConsumeAsync((_, _) => Task.CompletedTask, null, stop.Token);
        await stop.CancelAsync();
        await consume;
        await queue.ConsumeAsync((_, _) => Task.CompletedTask, null, stop.Token);
    }

    [Fact]
    public async Task Consume_FinishesWhatIsInHand_WhenItIsStopped()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2"], Token);
        using var stop = new CancellationTokenSource();
        var started = new TaskCompletionSource();
        var finish = new TaskCompletionSource();
        Task consume = queue.ConsumeAsync(async (_, token) =>
        {
            started.SetResult();
            await finish.Task;
            Assert.False(token.IsCancellationRequested);
        }, null, stop.Token);
        await started.Task;
        await stop.CancelAsync();
        Assert.False(consume.IsCompleted);
        finish.SetResult();
        await consume;
        Assert.Equal(["2"], await DrainAsync(queue));
    }

    [Fact]
    public async Task Consume_CancelsTheHandler_WhenTheGraceIsOver_AndGivesTheMessageBack()
    {
        await using TpqClient client = NewClient(loggers: Loggers());
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        await queue.PutAsync("1", Token);
        using var stop = new CancellationTokenSource();
        await queue.ConsumeAsync(async (_, token) =>
        {
            await stop.CancelAsync();
            // A handler that ends by its token alone: without the cancellation the test would not end.
            await Task.Delay(Timeout.InfiniteTimeSpan, token);
        }, new TpqConsumeOptions { Grace = TimeSpan.FromMilliseconds(50) }, stop.Token);
        Assert.Equal(["1"], await DrainAsync(queue));
        Assert.DoesNotContain(_logs.GetSnapshot(), r => r.Level >= LogLevel.Error);
    }

    [Fact]
    public async Task Consume_SurvivesALostConnection_WithoutAPause()
    {
        TpqQueue queue = await NewQueueAsync();
        using var stop = new CancellationTokenSource();
        var seen = new ConcurrentQueue<string>();
        await using TpqClient client = NewClient($"Application Name={Schema}", Loggers());
        Task consume = client.Queue("orders").ConsumeAsync((delivery, _) =>
        {
            seen.Enqueue(delivery.Message.Json);
            return Task.CompletedTask;
        }, null, stop.Token);
        await queue.PutAsync("1", Token);
        await EventuallyAsync(async () => await queue.CountAsync(Token) == 0, "the first message is done");
        await ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{Schema}'");
        await queue.PutAsync("2", Token);
        await EventuallyAsync(async () => consume.IsCompleted || await queue.CountAsync(Token) == 0, "the second message is done");
        await stop.CancelAsync();
        await consume;
        Assert.Equal(["1", "2"], seen);
        // One line, however many looks failed; none if the first look had got a new connection.
        Assert.InRange(_logs.GetSnapshot().Count(r => r.Message.Contains("while waiting for queue", StringComparison.Ordinal)), 0, 1);
    }

    [Fact]
    public async Task Consume_Throws_WhenThereIsNothingToConsume()
    {
        var error = await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nope").ConsumeAsync((_, _) => Task.CompletedTask, null, Token));
        Assert.Equal("nope", error.Queue);
        await using var nowhere = new TpqClient("postgresql://u:p@127.0.0.1:1/d");
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => nowhere.Queue("orders").ConsumeAsync((_, _) => Task.CompletedTask, null, Token));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Client.Queue("nope").ConsumeAsync(null!, null, Token));
    }

    [Fact]
    public async Task Consume_Warns_WhenThereAreMoreConsumersThanConnections()
    {
        await using TpqClient client = NewClient("Maximum Pool Size=2", Loggers());
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        using var stop = new CancellationTokenSource();
        Task one = queue.ConsumeAsync((_, _) => Task.CompletedTask, null, stop.Token);
        Assert.DoesNotContain(_logs.GetSnapshot(), r => r.Level == LogLevel.Warning);
        Task two = queue.ConsumeAsync((_, _) => Task.CompletedTask, null, stop.Token);
        Assert.Contains(_logs.GetSnapshot(), r => r.Level == LogLevel.Warning && r.Message.Contains("the pool has only 2", StringComparison.Ordinal));
        await stop.CancelAsync();
        await Task.WhenAll(one, two);
    }

    [Fact]
    public void Options_RefuseNegativeAndEndlessTimes()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new TpqConsumeOptions { Backoff = TimeSpan.FromTicks(-1) });
        Assert.Throws<ArgumentOutOfRangeException>(() => new TpqConsumeOptions { MaxBackoff = TimeSpan.FromTicks(-1) });
        Assert.Throws<ArgumentOutOfRangeException>(() => new TpqConsumeOptions { Grace = Timeout.InfiniteTimeSpan });
        Assert.Throws<ArgumentOutOfRangeException>(() => new TpqConsumeOptions { Grace = TimeSpan.MaxValue });
        Assert.Throws<ArgumentOutOfRangeException>(() => new TpqConsumeOptions { Backoff = TimeSpan.FromDays(25) });
    }

    [Fact]
    public async Task Logs_HoldNoPayloadAndNoPassword()
    {
        string password = new NpgsqlConnectionStringBuilder(Server.KeywordsOf(Server.Url)).Password!;
        await using TpqClient client = NewClient(loggers: Loggers());
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        await queue.PutAsync("\"the payload\"", Token);
        await queue.PutManyAsync(["\"the payload\""], Token);
        using var stop = new CancellationTokenSource();
        int calls = 0;
        await queue.ConsumeAsync(async (_, _) =>
        {
            if (++calls == 1)
                throw new InvalidDataException();
            await stop.CancelAsync();
        }, Quick, stop.Token);
        string all = string.Join('\n', _logs.GetSnapshot().Select(r => $"{r.Message} {r.Exception}"));
        Assert.Contains("Attempting to write item", all, StringComparison.Ordinal);
        Assert.Contains("Item written, returning", all, StringComparison.Ordinal);
        Assert.Contains("Attempting to read item", all, StringComparison.Ordinal);
        Assert.Contains("Item read, returning", all, StringComparison.Ordinal);
        Assert.DoesNotContain("payload", all, StringComparison.Ordinal);
        Assert.DoesNotContain(password, all, StringComparison.Ordinal);
    }

    ILoggerFactory Loggers() => LoggerFactory.Create(b => b.SetMinimumLevel(LogLevel.Trace).AddProvider(new FakeLoggerProvider(_logs)));

    /// <summary>Lets pauses of a second and more pass at once, and remembers them.</summary>
    sealed class RecordingTimeProvider : TimeProvider
    {
        public ConcurrentQueue<TimeSpan> Delays { get; } = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            // The waiter's own timer also runs on this clock, for at most a second and only while the queue is empty, which it is not here.
            Delays.Enqueue(dueTime);
            return base.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }

    [Theory]
    [InlineData("dispose")]
    [InlineData("rollback")]
    [InlineData("close")]
    [InlineData("commit of a failed transaction")]
    [InlineData("killed")]
    public async Task Consume_Pauses_WhenTheHandlerReturnsAndTheMessageIsBack(string how)
    {
        var time = new RecordingTimeProvider();
        await using TpqClient client = NewClient(time: time, loggers: Loggers());
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        await queue.PutAsync("1", Token);
        using var stop = new CancellationTokenSource();
        int calls = 0;
        await queue.ConsumeAsync(async (delivery, _) =>
        {
            if (++calls == 3)
            {
                await stop.CancelAsync();
                return;
            }
            switch (how)
            {
                case "dispose": await delivery.DisposeAsync(); break;
                case "rollback": await delivery.Transaction.RollbackAsync(Token); break;
                case "close": await delivery.Connection.CloseAsync(); break;
                case "killed":
                    await ExecuteAsync($"SELECT pg_terminate_backend({delivery.Connection.ProcessID}, 10000)");
                    await Record.ExceptionAsync(() => ExecuteAsync(delivery.Connection, "SELECT 1"));
                    break;
                default:
                    await Record.ExceptionAsync(() => ExecuteAsync(delivery.Connection, "SELECT 1 / 0"));
                    await delivery.Transaction.CommitAsync(Token);
                    break;
            }
        }, null, stop.Token);
        Assert.Equal(3, calls);
        Assert.Equal([1, 2], time.Delays.Select(d => d.TotalSeconds).Where(s => s is 1 or 2));
        Assert.Equal(2, _logs.GetSnapshot().Count(r => r.Id.Id is 1204 or 1209));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task Consume_GoesOn_WhenAnotherWroteHeadersThatAreNoText()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($$"""
            INSERT INTO "{{Schema}}".tpq_orders (data, headers) VALUES
              ('1', '{"a":"\ud800","\udc00":"b","n":1,"o":{"x":[1]},"s":"text"}'), ('2', '[1]'), ('3', 'null')
            """);
        await using TpqBatch batch = (await queue.GetManyAsync(3, cancellationToken: Token))!;
        Assert.Equal(
            new Dictionary<string, string> { ["a"] = "\"\\ud800\"", ["\"\\udc00\""] = "b", ["n"] = "1", ["o"] = "{\"x\":[1]}", ["s"] = "text" }, batch[0].Headers);
        Assert.Empty(batch[1].Headers);
        Assert.Empty(batch[2].Headers);
    }

    [Fact]
    public async Task Consume_SurvivesASessionThatTheServerEnded()
    {
        await using TpqClient client = NewClient("Options=-c idle_session_timeout=300");
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        await queue.PutAsync("1", Token);
        using var stop = new CancellationTokenSource();
        int calls = 0;
        await queue.ConsumeAsync(async (_, _) =>
        {
            if (++calls == 1)
                throw new InvalidDataException();
            await stop.CancelAsync();
        }, new TpqConsumeOptions { Backoff = TimeSpan.FromMilliseconds(900) }, stop.Token);
        Assert.Equal(2, calls);
    }

    /// <summary>After a restart of the server, say, that nobody has noticed yet; with one connection it is nobody else who notices.</summary>
    [Fact]
    public async Task Consume_Survives_WhenItsFirstLookMeetsAConnectionThatHasDied()
    {
        string name = $"tpq_{Guid.NewGuid():N}";
        await using TpqClient client = NewClient($"Application Name={name};Maximum Pool Size=1");
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        await queue.PutAsync("1", Token);
        Assert.True(await ScalarAsync<long>($"SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE application_name = '{name}'") > 0);
        using var stop = new CancellationTokenSource();
        await queue.ConsumeAsync((_, _) => stop.CancelAsync(), cancellationToken: stop.Token);
        Assert.Equal(0, await queue.CountAsync(Token));
    }
}
