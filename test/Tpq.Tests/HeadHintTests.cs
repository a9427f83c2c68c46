using Npgsql;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>
/// What lies below a client's position is found, whoever gave it back, also while a transaction is held open and nothing can be vacuumed. The client
/// under test has consumed, so its takes scan from behind what these tests bring back.
/// </summary>
public sealed class HeadHintTests(Server server) : DatabaseTest(server)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ARollbackByThisClient_ComesBackFirst(bool held)
    {
        await using Held? _ = held ? await HoldAsync() : null;
        TpqQueue queue = await AdvancedAsync(5);
        TpqDelivery first = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.Equal(["7"], await TakeAsync(queue, 1));
        await first.DisposeAsync();
        Assert.Equal(["6", "8", "9", "10"], await DrainAsync(queue));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ARollbackByAnotherClient_IsFound(bool held)
    {
        await using Held? _ = held ? await HoldAsync() : null;
        await using TpqClient client = NewClient();
        TpqQueue queue = await AdvancedAsync(5);
        TpqDelivery other = (await client.Queue("orders").GetAsync(cancellationToken: Token))!;
        Assert.Equal(["7", "8", "9", "10"], await DrainAsync(queue));
        await other.DisposeAsync();
        Assert.Equal(["6"], await DrainAsync(queue));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ADeadBackendsMessage_IsFound(bool held)
    {
        await using Held? _ = held ? await HoldAsync() : null;
        await using TpqClient client = NewClient();
        TpqQueue queue = await AdvancedAsync(5);
        await using TpqDelivery dying = (await client.Queue("orders").GetAsync(cancellationToken: Token))!;
        Assert.Equal(["7", "8", "9", "10"], await DrainAsync(queue));
        await ExecuteAsync($"SELECT pg_terminate_backend({dying.Connection.ProcessID}, 10000)");
        Assert.Equal(["6"], await DrainAsync(queue));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACallersRollback_ComesBackFirst(bool held)
    {
        await using Held? _ = held ? await HoldAsync() : null;
        TpqQueue queue = await AdvancedAsync(5);
        await using NpgsqlConnection connection = await OpenAsync();
        NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        Assert.Equal("6", (await queue.In(transaction).GetAsync(cancellationToken: Token))!.Json);
        Assert.Equal(["7"], await TakeAsync(queue, 1));
        await transaction.RollbackAsync(Token);
        Assert.Equal(["6", "8", "9", "10"], await DrainAsync(queue));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACallersRollbackToASavepoint_IsFound_InTheTransactionAndAfterIt(bool held)
    {
        await using Held? _ = held ? await HoldAsync() : null;
        TpqQueue queue = await AdvancedAsync(5);
        await using NpgsqlConnection connection = await OpenAsync();
        NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        Assert.Equal("6", (await queue.In(transaction).GetAsync(cancellationToken: Token))!.Json);
        await transaction.SaveAsync("callers", Token);
        Assert.Equal("7", (await queue.In(transaction).GetAsync(cancellationToken: Token))!.Json);
        await transaction.RollbackAsync("callers", Token);
        Assert.Equal("7", (await queue.In(transaction).GetAsync(cancellationToken: Token))!.Json);
        await transaction.RollbackAsync("callers", Token);
        Assert.Equal(["7"], await TakeAsync(queue, 1));
        await transaction.CommitAsync(Token);
        Assert.Equal(["8", "9", "10"], await DrainAsync(queue));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task ABatchThatWasGivenBack_ComesBackFirst_AsABatch()
    {
        TpqQueue queue = await AdvancedAsync(5);
        TpqBatch batch = (await queue.GetManyAsync(3, cancellationToken: Token))!;
        Assert.Equal(["9"], await TakeAsync(queue, 1));
        await batch.DisposeAsync();
        await using TpqBatch again = (await queue.GetManyAsync(5, cancellationToken: Token))!;
        Assert.Equal(["6", "7", "8"], again.Select(m => m.Json));
        await again.CommitAsync(Token);
        Assert.Equal(["10"], await DrainAsync(queue));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALateCommit_IsFound(bool held)
    {
        TpqQueue queue = await NewQueueAsync();
        await using NpgsqlConnection connection = await OpenAsync();
        NpgsqlTransaction late = await connection.BeginTransactionAsync(Token);
        await queue.In(late).PutAsync("\"late\"", Token);
        await queue.In(late).PutAsync("\"later\"", Token);
        await using Held? _ = held ? await HoldAsync() : null;
        await queue.PutManyAsync(["1", "2", "3"], Token);
        Assert.Equal(["1", "2"], await TakeAsync(queue, 2));
        await late.CommitAsync(Token);
        Assert.Equal(["\"late\"", "\"later\"", "3"], (await DrainAsync(queue)).Order(StringComparer.Ordinal));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ASequenceThatWasReset_IsFound_AndScannedFromThere(bool held)
    {
        await using Held? _ = held ? await HoldAsync() : null;
        TpqQueue queue = await AdvancedAsync(10);
        await ExecuteAsync($"ALTER SEQUENCE \"{Schema}\".tpq_orders_id_seq RESTART");
        await queue.PutManyAsync(["\"a\"", "\"b\"", "\"c\""], Token);
        Assert.Equal(["\"a\""], await TakeAsync(queue, 1));
        // The position has been set back: what was taken last is above all others, and no look back goes on.
        Assert.True(Client.State("orders").Head.IsPlain || Client.State("orders").Head.IsSweepDue);
        Assert.Equal(["\"b\"", "\"c\""], await DrainAsync(queue));
    }

    [Fact]
    public async Task WhatIsAskedForDuringALookBack_IsLookedForByWhoMadeIt()
    {
        await AdvancedAsync(1);
        QueueState state = Client.State("orders");
        state.Head.LookBackTo(1);
        int looks = 0;
        Assert.Empty(await Take.RunAsync(state, 1, toTheEnd: false, TakeIn.Own, _ =>
        {
            if (looks++ == 0)
                state.Head.LookBackTo(1);
            return new([]);
        }));
        Assert.False(state.Head.IsLookBackDue);
        Assert.InRange(looks, 2, 3);
    }

    /// <summary>Who asked for it may sleep, and who has found something may be busy with that for long.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatIsAskedForDuringALookBackThatFindsSomething_OrIsCancelled_IsForOneWhoSleeps(bool isCancelled)
    {
        TpqQueue queue = await AdvancedAsync(1);
        QueueState state = Client.State("orders");
        TpqMessage found = (await queue.PeekAsync(cancellationToken: Token))[0].Message;
        using var sleeper = new Subscription(Client.Listener, state, TimeProvider.System);
        while (sleeper.IsRung)
            await sleeper.WaitAsync(TimeSpan.Zero, Token);
        state.Head.LookBackTo(1);
        ValueTask<List<TpqMessage>> TakeAsync() => Take.RunAsync(state, 1, toTheEnd: false, TakeIn.Own, _ =>
        {
            state.Head.LookBackTo(1);
            return isCancelled ? throw new OperationCanceledException() : new([found]);
        });
        if (isCancelled)
            await Assert.ThrowsAsync<OperationCanceledException>(async () => await TakeAsync());
        else
            Assert.Equal(found, Assert.Single(await TakeAsync()));
        Assert.True(state.Head.IsLookBackDue);
        Assert.True(sleeper.IsRung);
    }

    /// <summary>As above, of a batch that goes along with a commit: its handler may take long.</summary>
    [Fact]
    public async Task WhatIsAskedForDuringATakeAlong_IsForOneWhoSleeps()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await using TpqClient client = NewClient(time: new StoppedTime());
        QueueState state = client.State("orders");
        await using TpqBatch batch = (await client.Queue("orders").GetManyAsync(2, cancellationToken: Token))!;
        using var sleeper = new Subscription(client.Listener, state, TimeProvider.System);
        while (sleeper.IsRung)
            await sleeper.WaitAsync(TimeSpan.Zero, Token);

        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction locked = await connection.BeginTransactionAsync(Token);
        Task locking = ExecuteAsync(connection, $"LOCK TABLE \"{Schema}\".tpq_orders");
        await EventuallyAsync(() => ScalarAsync<bool>($"SELECT wait_event = 'relation' FROM pg_stat_activity WHERE pid = {connection.ProcessID}"), "the lock waits");
        int process = batch.Connection.ProcessID;
        batch.Held.TakeNext(2, Token);
        Task commit = batch.CommitAsync(Token);
        await locking;
        await EventuallyAsync(() => ScalarAsync<bool>($"SELECT wait_event = 'relation' FROM pg_stat_activity WHERE pid = {process}"), "the take along waits");
        state.Head.LookBackTo(1);
        Assert.False(sleeper.IsRung);
        await locked.RollbackAsync(Token);
        await commit;
        Assert.True(state.Head.IsLookBackDue);
        Assert.True(sleeper.IsRung);
        await batch.Held.GiveBackAsync();
    }

    [Fact]
    public async Task AnEmptyAnswer_IsTheTruth_WhateverTheOthersOfThisClientDo()
    {
        TpqQueue queue = await AdvancedAsync(10);
        await using TpqClient client = NewClient();
        for (int i = 0; i < 50; i++)
        {
            await queue.PutAsync($"{i}", Token);
            await using TpqDelivery other = (await client.Queue("orders").GetAsync(cancellationToken: Token))!;
            Assert.Null(await queue.GetAsync(cancellationToken: Token));
            Task<TpqDelivery?>[] waiting = [.. Enumerable.Range(0, 3).Select(_ => queue.GetAsync(TimeSpan.FromMilliseconds(1), Token))];
            await other.DisposeAsync();
            TpqDelivery?[] found = [await queue.GetAsync(cancellationToken: Token), .. await Task.WhenAll(waiting)];
            await Assert.Single(found, d => d is not null)!.CommitAsync(Token);
        }
    }

    [Fact]
    public async Task KnownIds_DoNotPileUp_WhereOnlyCallersTransactionsTake()
    {
        TpqQueue queue = await AdvancedAsync(0);
        for (int i = 0; i < 10; i++)
        {
            await using NpgsqlConnection connection = await OpenAsync();
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
            Assert.Equal($"{i + 1}", (await queue.In(transaction).GetAsync(cancellationToken: Token))!.Json);
            await transaction.CommitAsync(Token);
            Assert.Single(Client.State("orders").Head.Known);
        }
    }

    /// <summary>A queue of ten messages, of which the client under test has consumed some.</summary>
    async Task<TpqQueue> AdvancedAsync(int consumed)
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(Enumerable.Range(1, 10).Select(i => $"{i}"), Token);
        Assert.Equal(Enumerable.Range(1, consumed).Select(i => $"{i}"), await TakeAsync(queue, consumed));
        return queue;
    }

    static async Task<List<string>> TakeAsync(TpqQueue queue, int count)
    {
        var taken = new List<string>();
        while (taken.Count < count)
        {
            await using TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!;
            await delivery.CommitAsync(Token);
            taken.Add(delivery.Message.Json);
        }
        return taken;
    }

    async Task<Held> HoldAsync()
    {
        NpgsqlConnection connection = await OpenAsync();
        await ExecuteAsync(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id()");
        return new Held(connection);
    }

    /// <summary>A transaction that stays open, in a snapshot of which nothing is dead.</summary>
    sealed class Held(NpgsqlConnection connection) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => connection.DisposeAsync();
    }
}
