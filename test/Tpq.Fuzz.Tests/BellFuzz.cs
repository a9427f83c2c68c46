using System.Collections.Concurrent;
using System.Globalization;
using CsCheck;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Npgsql;
using Tpq.Fuzz.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.Fuzz.Tests;

/// <summary>Any session may notify a queue's channel with any text.</summary>
public sealed class BellFuzz(Server server) : DatabaseTest(server)
{
    static readonly Gen<string> Number = Gen.OneOf(
        Gen.Long.Select(i => i.ToString(CultureInfo.InvariantCulture)), Gen.Int[-2, 400].Select(i => i.ToString(CultureInfo.InvariantCulture)),
        Gen.OneOf("-9223372036854775808", "9223372036854775807", "-9223372036854775807", "9223372036854775808", "0", "-0", "007", "1e5", "0x10", "٣"));

    static readonly Gen<string> Payload = Gen.OneOf(
        Number, Number.Select(n => n + "+"), Number.Select(n => n + "+++"), Number.Select(n => $" {n} "), Gen.OneOf("", "+", "later", "Later", "later ", "paused", new string('9', 7999), new string('+', 7999)),
        Gen.OneOf(Names.Hostile), Gen.String[0, 1000].Select(t => new string([.. t.Where(c => c != '\0' && !char.IsSurrogate(c))])));

    /// <summary>Without looks by the clock: whoever misses a ring never finds the message.</summary>
    [Fact]
    public async Task NoisePutsNoConsumerOut()
    {
        await NewQueueAsync();
        var log = new FakeLogCollector();
        using var loggers = LoggerFactory.Create(b => b.AddProvider(new FakeLoggerProvider(log)));
        await using TpqClient client = NewClient(loggers: loggers, looksByClock: false);
        TpqQueue orders = client.Queue("orders");
        var seen = new ConcurrentQueue<string>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consuming = orders.ConsumeAsync((delivery, _) =>
        {
            seen.Enqueue(delivery.Message.Json);
            return Task.CompletedTask;
        }, new TpqConsumeOptions { Concurrency = 3 }, stop.Token);
        int put = 0;
        await Gen.Select(Payload.Array[0, 40], Gen.Int[0, 3], Gen.Bool).SampleAsync(async (payloads, messages, isDelayed) =>
        {
            Task noise = NotifyAsync(orders.State.Name.Channel, payloads);
            for (int i = 0; i < messages; i++)
                await Client.Queue("orders").PutAsync(new TpqPut($"{put++}") { Delay = isDelayed ? TimeSpan.FromMilliseconds(1) : null }, Token);
            await noise;
            await EventuallyAsync(() => Task.FromResult(consuming.IsCompleted || seen.Count >= put), $"{seen.Count} of {put} messages");
            Assert.False(consuming.IsCompleted);
        }, iter: Amount.Of(120), threads: 1);
        await stop.CancelAsync();
        await consuming;
        Assert.Equal(Enumerable.Range(0, put).Select(i => $"{i}").Order(), seen.Order());
        Assert.DoesNotContain(log.GetSnapshot(), record => record.Level >= LogLevel.Warning);
    }

    /// <summary>While nobody puts, and nothing may come out.</summary>
    [Fact]
    public async Task NoiseIsNoMessage()
    {
        TpqQueue queue = await NewQueueAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<TpqDelivery?> get = queue.GetAsync(Timeout.InfiniteTimeSpan, stop.Token);
        await EventuallyAsync(() => Task.FromResult(queue.State.Sleepers.AreServed), "a doorman");
        await Payload.Array[1, 100].SampleAsync(payloads => NotifyAsync(queue.State.Name.Channel, payloads), iter: Amount.Of(20), threads: 1);
        Assert.False(get.IsCompleted);
        await queue.PutAsync("1", Token);
        await using TpqDelivery? delivery = await get;
        Assert.Equal("1", delivery!.Message.Json);
    }

    async Task NotifyAsync(string channel, string[] payloads)
    {
        await using NpgsqlCommand command = Server.Admin.CreateCommand("SELECT pg_notify($1, p) FROM unnest($2) p");
        command.Parameters.Add(new() { Value = channel });
        command.Parameters.Add(new() { Value = payloads });
        await command.ExecuteNonQueryAsync(Token);
    }
}
