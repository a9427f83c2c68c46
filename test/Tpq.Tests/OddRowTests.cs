using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Rows as no version of tpq writes them, and whoever may insert can: they stop nobody.</summary>
public sealed class OddRowTests(Server server) : DatabaseTest(server)
{
    [Theory]
    [InlineData("infinity", true)]
    [InlineData("-infinity", false)]
    [InlineData("10000-01-01", true)]
    [InlineData("290000-01-01", true)]
    [InlineData("4000-01-01 BC", false)]
    public async Task ATimeThatDotNetDoesNotKnow_StopsNobody(string time, bool isLate)
    {
        TpqQueue queue = await NewQueueAsync(), dead = Client.Queue("orders_dead");
        await ExecuteAsync($"""
            INSERT INTO "{Schema}".tpq_orders (id, data, enqueued_at) VALUES (1, '1', '{time}');
            INSERT INTO "{Schema}".tpq_orders_later (id, data, enqueued_at, attempts, due_at) VALUES (2, '2', '{time}', 0, now())
            """);
        await using (TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!)
        {
            Assert.Equal(isLate ? DateTimeOffset.MaxValue : DateTimeOffset.MinValue, delivery.Message.EnqueuedAt);
            await delivery.RetryAsync(TimeSpan.Zero, cancellationToken: Token);
        }
        for (int i = 0; i < 2; i++)
        {
            await using TpqLeaseBatch leases = (await queue.LeaseAsync(1, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1), Token))!;
            await leases[0].DeadLetterAsync("dead", Token);
        }
        Assert.Equal(2, (await dead.PeekAsync(9, Token)).Count);
        Assert.Equal(2, await dead.MoveToAsync(queue, cancellationToken: Token));
        Assert.Equal(["1", "2"], (await DrainAsync(queue)).Order());
    }

    [Fact]
    public async Task AttemptsThatSomebodyWrote_AreCountedOn_AndStopNobody()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"""
            INSERT INTO "{Schema}".tpq_orders (id, data, attempts) VALUES (1, '1', -5), (2, '2', {int.MaxValue});
            INSERT INTO "{Schema}".tpq_orders_later (id, data, enqueued_at, attempts, due_at, lease) VALUES (3, '3', now(), {int.MaxValue}, now(), gen_random_uuid())
            """);
        var attempts = new List<int>();
        for (int i = 0; i < 3; i++)
        {
            await using TpqDelivery delivery = (await queue.GetAsync(TimeSpan.FromMinutes(1), Token))!;
            attempts.Add(delivery.Message.Attempts);
            await delivery.RetryAsync(TimeSpan.FromDays(1), cancellationToken: Token);
        }
        Assert.Equal([0, int.MaxValue - 1, int.MaxValue - 1], attempts);
        Assert.Equal($"1,{int.MaxValue},{int.MaxValue}", await ScalarAsync<string>("SELECT string_agg(attempts::text, ',' ORDER BY id) FROM tpq_orders_later"));
    }
}
