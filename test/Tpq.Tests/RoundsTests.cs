using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Looks by the clock: what rings no bell is found all the same.</summary>
public sealed class RoundsTests(Server server) : DatabaseTest(server)
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>And not two: what a round that failed has not found is not left to the next one.</summary>
    static readonly TimeSpan OneRound = TimeSpan.FromSeconds(17);

    [Fact]
    public async Task WhatOthersGaveBack_IsFound_BelowThePosition()
    {
        TpqQueue orders = await NewQueueAsync();
        TpqBatch batch = await TakeFirstTwoOfThreeAsync();
        Task<TpqDelivery?>[] gets = await StartToGetAsync(orders, 2);
        await batch.DisposeAsync();
        foreach (TpqDelivery? delivery in await Task.WhenAll(gets).WaitAsync(Patience, Token))
            await delivery!.CommitAsync(Token);
        Assert.Equal(0, await orders.CountAsync(Token));
    }

    [Fact]
    public async Task ATableThatIsLockedOrGone_HoldsUpNoOther()
    {
        TpqQueue orders = await NewQueueAsync(), locked = await NewQueueAsync("locked"), dropped = await NewQueueAsync("dropped");
        TpqBatch batch = await TakeFirstTwoOfThreeAsync();
        Task<TpqDelivery?>[] gets = await StartToGetAsync(orders, 2);
        Task<TpqDelivery?> held = (await StartToGetAsync(locked, 1))[0], lost = (await StartToGetAsync(dropped, 1))[0];
        await using NpgsqlConnection locker = await OpenAsync();
        await using NpgsqlTransaction transaction = await locker.BeginTransactionAsync(Token);
        await ExecuteAsync(locker, "LOCK TABLE tpq_locked; DROP TABLE tpq_dropped CASCADE");
        await batch.DisposeAsync();
        foreach (TpqDelivery? delivery in await Task.WhenAll(gets).WaitAsync(OneRound, Token))
            await delivery!.CommitAsync(Token);
        Assert.Equal(0, await orders.CountAsync(Token));
        await transaction.CommitAsync(Token);
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => lost.WaitAsync(Patience, Token));
        await locked.PutAsync("1", Token);
        await using TpqDelivery? last = await held.WaitAsync(Patience, Token);
        Assert.NotNull(last);
    }

    [Fact]
    public async Task WhatIsInHand_IsLookedForInVain_AndFoundWhenItIsBack()
    {
        TpqQueue orders = await NewQueueAsync();
        await orders.PutAsync("1", Token);
        await using TpqClient other = NewClient();
        TpqDelivery first = (await other.Queue("orders").GetAsync(cancellationToken: Token))!;
        Task<TpqDelivery?> get = (await StartToGetAsync(orders, 1))[0];
        long before = await ScansAsync();
        await EventuallyAsync(async () => await ScansAsync() > before + 1, "a round has looked, and so has who was woken", 30);
        Assert.False(get.IsCompleted);
        await first.DisposeAsync();
        await using TpqDelivery? delivery = await get.WaitAsync(Patience, Token);
        Assert.Equal("1", delivery!.Message.Json);
    }

    /// <summary>By another client; the test's own has taken the third, which is behind them.</summary>
    async Task<TpqBatch> TakeFirstTwoOfThreeAsync()
    {
        await Client.Queue("orders").PutManyAsync(["1", "2", "3"], Token);
        await using TpqClient other = NewClient();
        TpqBatch batch = (await other.Queue("orders").GetManyAsync(2, cancellationToken: Token))!;
        Assert.Equal(["3"], await DrainAsync(Client.Queue("orders")));
        return batch;
    }

    async Task<Task<TpqDelivery?>[]> StartToGetAsync(TpqQueue queue, int count)
    {
        Task<TpqDelivery?>[] gets = [.. Enumerable.Range(0, count).Select(_ => queue.GetAsync(Timeout.InfiniteTimeSpan, Token))];
        await EventuallyAsync(
            () => Task.FromResult(Client.State(queue.Name).Sleepers is { AreServed: true } s && s.CountAsleep == count), $"{count} sleep in {queue.Name}");
        return gets;
    }

    Task<long> ScansAsync() => ScalarAsync<long>("SELECT idx_scan FROM pg_stat_user_indexes WHERE relid = 'tpq_orders'::regclass");
}
