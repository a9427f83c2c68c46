using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Puts whose transaction is prepared, and committed later. PostgreSQL refuses that to a transaction that has notified.</summary>
public sealed class TwoPhaseTests(Server server) : DatabaseTest(server)
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(TpqNotify.Never, false)]
    [InlineData(TpqNotify.Never, true)]
    [InlineData(TpqNotify.Auto, false)]
    public async Task APreparedPut_IsDelivered_WhenItIsCommitted(TpqNotify notify, bool isWaitedFor)
    {
        await NeedPreparedTransactionsAsync();
        TpqQueue queue = await NewQueueAsync(notify: notify);
        Task<TpqDelivery?>? get = isWaitedFor ? await StartToGetAsync(queue, isServed: false) : null;
        await PutAndPrepareAsync(queue);
        // It keeps its lock on the bell: who waits now is no doorman for it, and looks by the clock.
        get ??= await StartToGetAsync(queue, isServed: false);
        Assert.False(get.IsCompleted);
        await ExecuteAsync($"COMMIT PREPARED '{Schema}'");
        await using TpqDelivery? delivery = await get.WaitAsync(Patience, Token);
        Assert.Equal("1", delivery!.Message.Json);
    }

    [Theory]
    [InlineData(TpqNotify.Always, false)]
    [InlineData(TpqNotify.Always, true)]
    [InlineData(TpqNotify.Auto, true)]
    public async Task APutThatRings_CannotBePrepared_AndIsNotPut(TpqNotify notify, bool isWaitedFor)
    {
        await NeedPreparedTransactionsAsync();
        TpqQueue queue = await NewQueueAsync(notify: notify);
        Task<TpqDelivery?>? get = isWaitedFor ? await StartToGetAsync(queue, isServed: true) : null;
        var error = await Assert.ThrowsAsync<PostgresException>(() => PutAndPrepareAsync(queue));
        Assert.Equal(PostgresErrorCodes.FeatureNotSupported, error.SqlState);
        Assert.Equal(0, await queue.CountAsync(Token));
        // And the queue goes on.
        await queue.PutAsync("2", Token);
        await using TpqDelivery? delivery = await (get ?? queue.GetAsync(cancellationToken: Token)).WaitAsync(Patience, Token);
        Assert.Equal("2", delivery!.Message.Json);
    }

    async Task PutAndPrepareAsync(TpqQueue queue)
    {
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await queue.In(transaction).PutAsync("1", Token);
        await ExecuteAsync(connection, $"PREPARE TRANSACTION '{Schema}'");
    }

    /// <param name="queue">The queue.</param>
    /// <param name="isServed">Whether it is to have a doorman, or a bell that always rings.</param>
    async Task<Task<TpqDelivery?>> StartToGetAsync(TpqQueue queue, bool isServed)
    {
        Task<TpqDelivery?> get = queue.GetAsync(Timeout.InfiniteTimeSpan, Token);
        await EventuallyAsync(
            () => Task.FromResult(Client.State(queue.Name).Sleepers is { CountAsleep: 1 } s && (s.AreServed || !isServed)), "it sleeps");
        return get;
    }

    async Task NeedPreparedTransactionsAsync() => Assert.SkipWhen(
        await ScalarAsync<string>("SHOW max_prepared_transactions") == "0", "The server of TPQ_TEST_URL has max_prepared_transactions = 0.");
}
