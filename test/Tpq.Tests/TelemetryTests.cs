using System.Diagnostics;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

[Collection(Alone.Name)]
public sealed class TelemetryTests(Server server) : DatabaseTest(server)
{
    static readonly TpqConsumeOptions Quick = new() { MaxAttempts = 2, Backoff = TimeSpan.Zero };

    readonly Telemetry _telemetry = new();

    public override async ValueTask DisposeAsync()
    {
        _telemetry.Dispose();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task OneTrace_CrossesProducer_Queue_AndConsumer()
    {
        TpqQueue queue = await NewQueueAsync();
        using (Activity request = Telemetry.Application.StartActivity("POST /orders")!)
            await queue.PutAsync("1", Token);
        await ConsumeAsync(queue, (_, _) =>
        {
            using Activity? work = Telemetry.Application.StartActivity("pack");
            return Task.CompletedTask;
        });

        Activity root = _telemetry.Span("POST /orders"), send = _telemetry.Span("send orders"), process = _telemetry.Span("process orders"),
            settle = _telemetry.Span("settle orders"), work = _telemetry.Span("pack");
        Assert.Equal([root.SpanId, send.SpanId, process.SpanId, process.SpanId], [send.ParentSpanId, process.ParentSpanId, work.ParentSpanId, settle.ParentSpanId]);
        Assert.All([send, process, settle, work], span => Assert.Equal(root.TraceId, span.TraceId));
        Assert.Equal([ActivityKind.Producer, ActivityKind.Consumer, ActivityKind.Client], [send.Kind, process.Kind, settle.Kind]);
        Assert.All([send, process, settle], span =>
        {
            Assert.Equal(("tpq", "orders", 1L), (span.GetTagItem("messaging.system"), span.GetTagItem("messaging.destination.name"), span.GetTagItem("messaging.message.id")));
            Assert.NotNull(span.GetTagItem("server.address"));
            Assert.Equal(ActivityStatusCode.Unset, span.Status);
        });
        Assert.Equal(["put", "process", "commit"], new[] { send, process, settle }.Select(s => s.GetTagItem("messaging.operation.name")));
        Assert.DoesNotContain(_telemetry.Spans, s => s.DisplayName.StartsWith("receive", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ALeasedMessage_AndOneOfACallersTransaction_AreOfTheTraceToo()
    {
        TpqQueue queue = await NewQueueAsync();
        using (Activity request = Telemetry.Application.StartActivity("request")!)
        {
            await using NpgsqlConnection connection = await OpenAsync();
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
            await queue.In(transaction).PutAsync("1", Token);
            await transaction.CommitAsync(Token);
        }
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await queue.ConsumeLeasedAsync((_, _) => stop.CancelAsync(), Quick, stop.Token);
        Assert.Equal(_telemetry.Span("send orders").SpanId, _telemetry.Span("process orders").ParentSpanId);
        Assert.Equal("complete", _telemetry.Span("settle orders").GetTagItem("messaging.operation.name"));
    }

    [Fact]
    public async Task ABatch_LinksToWhatPutItsMessages()
    {
        TpqQueue queue = await NewQueueAsync();
        using (Activity first = Telemetry.Application.StartActivity("first")!)
            await queue.PutManyAsync(Enumerable.Range(0, 5).Select(static i => $"{i}"), Token);
        using (Activity second = Telemetry.Application.StartActivity("second")!)
            await queue.PutAsync("5", Token);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await queue.ConsumeBatchesAsync(10, (batch, _) => stop.CancelAsync(), Quick, stop.Token);

        Activity process = _telemetry.Span("process orders");
        Assert.Equal(default, process.ParentSpanId);
        Assert.Equal(_telemetry.Spans.Where(s => s.DisplayName == "send orders").Select(s => s.SpanId), process.Links.Select(l => l.Context.SpanId));
        Assert.Equal([5L, null], _telemetry.Spans.Where(s => s.DisplayName == "send orders").Select(s => s.GetTagItem("messaging.batch.message_count")));
        Assert.Equal(6, process.GetTagItem("messaging.batch.message_count"));
        Assert.Equal(6, _telemetry.Value("messaging.client.sent.messages"));
    }

    [Fact]
    public async Task AGet_IsASpanWithALink_AndAnEmptyOneIsNone()
    {
        TpqQueue queue = await NewQueueAsync();
        Assert.Null(await queue.GetAsync(cancellationToken: Token));
        await queue.PutAsync("1", Token);
        await using (TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!)
            await delivery.CommitAsync(Token);
        Activity receive = _telemetry.Span("receive orders");
        Assert.Equal(_telemetry.Span("send orders").SpanId, Assert.Single(receive.Links).Context.SpanId);
        Assert.Equal(ActivityKind.Client, receive.Kind);
        Assert.Equal(1, _telemetry.Value("messaging.client.consumed.messages"));
    }

    [Fact]
    public async Task TheCallersHeaders_AreKept_AndHisOwnTrace()
    {
        const string Own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync(new TpqPut("1") { Headers = new Dictionary<string, string> { ["tenant"] = "ä\"b" } }, Token);
        await queue.PutAsync(new TpqPut("2") { Headers = new Dictionary<string, string> { ["traceparent"] = Own } }, Token);
        await using TpqBatch batch = (await queue.GetManyAsync(2, cancellationToken: Token))!;
        Assert.Equal("ä\"b", batch[0].Headers["tenant"]);
        Assert.Equal(_telemetry.Spans.First(s => s.DisplayName == "send orders").Id, batch[0].Headers["traceparent"]);
        Assert.Equal(Own, batch[1].Headers["traceparent"]);
    }

    [Fact]
    public async Task AQueueOfThePythonTpqs_TakesMessages_WithoutATrace()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        await queue.PutAsync("1", Token);
        Assert.Equal(2, await queue.PutManyAsync(["2", "3"], Token));
        await using (NpgsqlConnection connection = await OpenAsync())
        {
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
            await queue.In(transaction).PutAsync("4", Token);
            await transaction.CommitAsync(Token);
        }
        Assert.Equal(["1", "2", "3", "4"], await DrainAsync(queue));
    }

    [Fact]
    public async Task AQueueThatTheCallersTransactionHasMade_CarriesATrace()
    {
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        TpqQueue queue = Client.Queue("orders");
        await ExecuteAsync(connection, queue.CreateScript());
        await queue.In(transaction).PutAsync("1", Token);
        await transaction.CommitAsync(Token);
        await using TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.Contains("traceparent", delivery.Message.Headers.Keys);
    }

    [Fact]
    public async Task AFailure_IsTold_ByItsKind_NotByItsText()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutAsync("\"secret\"", Token);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = queue.ConsumeAsync((delivery, _) => throw new InvalidDataException(delivery.Message.Json), Quick, stop.Token);
        await EventuallyAsync(async () => consume.IsCompleted || await Client.Queue("orders_dead").ExistsAsync(Token) && await Client.Queue("orders_dead").CountAsync(Token) == 1, "it has died");
        await stop.CancelAsync();
        await consume;

        Activity[] failed = [.. _telemetry.Spans.Where(s => s.DisplayName == "process orders")];
        Assert.Equal(2, failed.Length);
        Assert.All(failed, span => Assert.Equal((ActivityStatusCode.Error, typeof(InvalidDataException).FullName), (span.Status, span.GetTagItem("error.type"))));
        Assert.Equal(["retry", "dead_letter"], _telemetry.Spans.Where(s => s.DisplayName == "settle orders").Select(s => s.GetTagItem("messaging.operation.name")));
        Assert.Equal((1, 1), (_telemetry.Value("tpq.message.retries"), _telemetry.Value("tpq.message.dead_letters")));
        Assert.Equal(2, _telemetry.Value("messaging.process.duration", "error.type", typeof(InvalidDataException).FullName!));
        Assert.DoesNotContain(_telemetry.Spans, span => span.TagObjects.Any(t => $"{t.Value}".Contains("secret", StringComparison.Ordinal))
            || span.StatusDescription is not null || span.Events.Any());
    }

    [Fact]
    public async Task APutThatFails_HasTheServersCode()
    {
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nowhere").PutAsync("1", Token));
        Assert.Equal(PostgresErrorCodes.UndefinedTable, _telemetry.Span("send nowhere").GetTagItem("error.type"));
    }

    [Fact]
    public async Task Gauges_TellWhatWaits_HowLong_AndWhatIsInHand()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3", "4"], Token);
        await ExecuteAsync($"UPDATE \"{Schema}\".tpq_orders SET enqueued_at = now() - interval '1 hour' WHERE data::text = '1'");
        await using TpqDelivery held = (await queue.GetAsync(cancellationToken: Token))!;
        TpqLeaseBatch leased = (await queue.LeaseAsync(2, TimeSpan.FromMinutes(1), cancellationToken: Token))!;
        Assert.Equal((3, 2), (_telemetry.Value("tpq.messages.in_flight"), _telemetry.Value("tpq.queue.depth")));
        Assert.InRange(_telemetry.Value("tpq.queue.oldest_age"), 3600, 3700);
        await leased.CompleteAsync(Token);
        await held.CommitAsync(Token);
        Assert.Equal(0, _telemetry.Value("tpq.messages.in_flight"));
    }

    [Fact]
    public async Task AWakeUp_AndASweep_AreCounted()
    {
        TpqQueue queue = await NewQueueAsync();
        Task<TpqDelivery?> get = queue.GetAsync(TimeSpan.FromMinutes(1), Token);
        await EventuallyAsync(() => Task.FromResult(queue.State.Sleepers.AnyAsleep && queue.State.Sleepers.AreServed), "it sleeps");
        await using (NpgsqlConnection connection = await OpenAsync())
            await ExecuteAsync(connection, "INSERT INTO tpq_orders (data) VALUES ('1')");
        await using (TpqDelivery? delivery = await get)
            Assert.NotNull(delivery);
        Assert.InRange(_telemetry.Value("tpq.wakeups"), 1, int.MaxValue);
        Assert.InRange(_telemetry.Value("tpq.sweep.duration"), 1, int.MaxValue);
    }

    static async Task ConsumeAsync(TpqQueue queue, Func<TpqDelivery, CancellationToken, Task> handler)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await queue.ConsumeAsync(async (delivery, token) =>
        {
            await handler(delivery, token);
            await stop.CancelAsync();
        }, Quick, stop.Token);
    }
}
