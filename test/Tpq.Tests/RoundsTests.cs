using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Looks by the clock; the queues notify nobody.</summary>
public sealed class RoundsTests(Server server) : DatabaseTest(server)
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task ARound_TellsQueuesWithMessagesFromEmptyOnes()
    {
        await NewQueuesAsync("empty", "full", "taken", "used");
        await Client.Queue("full").PutAsync("1", Token);
        await Client.Queue("taken").PutAsync("1", Token);
        await using TpqClient other = NewClient();
        await using TpqDelivery? delivery = await other.Queue("taken").GetAsync(cancellationToken: Token);
        await Client.Queue("used").PutAsync("1", Token);
        Assert.Equal(["1"], await DrainAsync(Client.Queue("used")));
        bool[] answers = await MayHaveAsync(Client, "empty", "full", "taken", "used");
        Assert.Equal([false, true, true, false], answers);
    }

    [Fact]
    public async Task ARound_LeavesWhatIsWrongToTheLooks()
    {
        await NewQueuesAsync("empty");
        bool[] answers = await MayHaveAsync(Client, "empty", "nope");
        Assert.True(answers[1]);
        Assert.False((await MayHaveAsync(Client, "empty"))[0]);
    }

    [Fact]
    public async Task AMessageThatOthersGaveBack_IsFound_BelowThePosition()
    {
        await NewQueuesAsync("orders");
        TpqQueue orders = Client.Queue("orders");
        await orders.PutManyAsync(["1", "2"], Token);
        await using TpqClient other = NewClient();
        TpqDelivery first = (await other.Queue("orders").GetAsync(cancellationToken: Token))!;
        Assert.Equal(["2"], await DrainAsync(orders));
        Task<TpqDelivery?> get = orders.GetAsync(Timeout.InfiniteTimeSpan, Token);
        await first.DisposeAsync();
        await using TpqDelivery? delivery = await get.WaitAsync(Patience, Token);
        Assert.Equal("1", delivery!.Message.Json);
    }

    [Fact]
    public async Task ALockedTable_HoldsUpNoOther()
    {
        await NewQueuesAsync("locked", "orders");
        await using NpgsqlConnection locker = await OpenAsync();
        await using NpgsqlTransaction transaction = await locker.BeginTransactionAsync(Token);
        await ExecuteAsync(locker, "LOCK TABLE tpq_locked");
        await using (TpqClient patient = NewClient(time: new NoTimers()))
            Assert.True((await MayHaveAsync(patient, "locked"))[0]);
        Task<TpqDelivery?> held = Client.Queue("locked").GetAsync(Timeout.InfiniteTimeSpan, Token);
        // More than one, so that one of them is in a round with the locked one.
        Task<TpqDelivery?>[] gets = [.. Enumerable.Range(0, 3).Select(_ => Client.Queue("orders").GetAsync(Timeout.InfiniteTimeSpan, Token))];
        await EventuallyAsync(() => Task.FromResult(Client.State("orders").Sleepers.CountAsleep == gets.Length), "they sleep");
        await Client.Queue("orders").PutManyAsync(["1", "2", "3"], Token);
        foreach (TpqDelivery? delivery in await Task.WhenAll(gets).WaitAsync(Patience, Token))
            await delivery!.DisposeAsync();
        Assert.False(held.IsCompleted);
        await transaction.RollbackAsync(Token);
        await Client.Queue("locked").PutAsync("1", Token);
        await using TpqDelivery? last = await held.WaitAsync(Patience, Token);
        Assert.NotNull(last);
    }

    [Fact]
    public async Task AQueueThatIsDropped_EndsItsOwnWaitAlone()
    {
        await NewQueuesAsync("dropped", "orders");
        Task<TpqDelivery?> lost = Client.Queue("dropped").GetAsync(Timeout.InfiniteTimeSpan, Token);
        Task<TpqDelivery?> get = Client.Queue("orders").GetAsync(Timeout.InfiniteTimeSpan, Token);
        await EventuallyAsync(() => Task.FromResult(Client.State("dropped").Sleepers.CountAsleep == 1), "it sleeps");
        await Client.Queue("dropped").DropAsync(Token);
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => lost.WaitAsync(Patience, Token));
        await Client.Queue("orders").PutAsync("1", Token);
        await using TpqDelivery? delivery = await get.WaitAsync(Patience, Token);
        Assert.NotNull(delivery);
    }

    async Task NewQueuesAsync(params string[] names)
    {
        foreach (string name in names)
            await NewQueueAsync(name, TpqNotify.Never);
    }

    static Task<bool[]> MayHaveAsync(TpqClient client, params string[] names) =>
        Task.WhenAll(names.Select(name => client.Rounds.MayHaveAsync(client.State(name), Token))).WaitAsync(Patience, Token);
}
