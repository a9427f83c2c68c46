using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>
/// Puts of one client at the same time. The first is held up by a lock that its payload asks for; where the clock stands still, the others wait
/// for it.
/// </summary>
public sealed class GroupCommitTests(Server server) : DatabaseTest(server)
{
    const string Slow = "\"slow\"", Bad = "\"bad\"";

    const int Lock = 4711;

    [Fact]
    public async Task PutsDuringAPut_ShareOneTransaction()
    {
        await using TpqClient client = NewClient(time: new NoTimers());
        TpqQueue queue = await NewSlowQueueAsync(client);
        await using NpgsqlConnection door = await CloseDoorAsync();
        Task<long> first = await PutSlowlyAsync(queue);
        Task<long>[] others = [.. Enumerable.Range(0, 20).Select(n => queue.PutAsync(Number(n), Token))];
        await OpenDoorAsync(door);
        long[] ids = [await first, .. await Task.WhenAll(others)];
        Assert.Equal(ids.Order(), ids);
        Assert.Equal([Slow, .. Enumerable.Range(0, 20).Select(Number)], (await queue.PeekAsync(100, Token)).Select(p => p.Message.Json));
        Assert.Equal(2, await ScalarAsync<long>("SELECT count(DISTINCT xmin::text) FROM tpq_orders"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("Maximum Pool Size=1")]
    public async Task AnErrorIsItsOwn_AndTheOthersArePut(string settings)
    {
        await using TpqClient client = NewClient(settings, time: new NoTimers());
        TpqQueue queue = await NewSlowQueueAsync(client);
        await using NpgsqlConnection door = await CloseDoorAsync();
        Task<long> first = await PutSlowlyAsync(queue);
        Task<long> before = queue.PutAsync("1", Token), bad = queue.PutAsync(Bad, Token), after = queue.PutAsync("2", Token);
        await OpenDoorAsync(door);
        await first;
        long[] ids = [await before, await after];
        PostgresException error = await Assert.ThrowsAsync<PostgresException>(() => bad);
        Assert.Equal(PostgresErrorCodes.CheckViolation, error.SqlState);
        Assert.Equal([(ids[0], "1"), (ids[1], "2")], (await queue.PeekAsync(100, Token)).Skip(1).Select(p => (p.Message.Id, p.Message.Json)));
        await queue.PutAsync("3", Token);
    }

    [Fact]
    public async Task AMissingQueue_IsSaidToEach()
    {
        await using TpqClient client = NewClient();
        TpqQueue nope = client.Queue("nope");
        Task<long>[] puts = [.. Enumerable.Range(0, 10).Select(n => nope.PutAsync(Number(n), Token))];
        foreach (Task<long> put in puts)
            await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => put);
    }

    [Fact]
    public async Task APutThatTakesItsTime_HoldsUpNoOther()
    {
        await using TpqClient client = NewClient();
        TpqQueue queue = await NewSlowQueueAsync(client);
        await using NpgsqlConnection door = await CloseDoorAsync();
        Task<long> first = await PutSlowlyAsync(queue);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(n => queue.PutAsync(Number(n), Token)));
        Assert.False(first.IsCompleted);
        Assert.Equal(20, await queue.CountAsync(Token));
        await OpenDoorAsync(door);
        await first;
    }

    [Fact]
    public async Task AWaitingPut_IsCancelledAtOnce_AndNotPut()
    {
        await using TpqClient client = NewClient(time: new NoTimers());
        TpqQueue queue = await NewSlowQueueAsync(client);
        await using NpgsqlConnection door = await CloseDoorAsync();
        Task<long> first = await PutSlowlyAsync(queue);
        using var cancel = new CancellationTokenSource();
        Task<long> cancelled = queue.PutAsync("1", cancel.Token), other = queue.PutAsync("2", Token);
        await cancel.CancelAsync();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        Assert.Equal(cancel.Token, error.CancellationToken);
        await OpenDoorAsync(door);
        await Task.WhenAll(first, other);
        Assert.Equal([Slow, "2"], (await queue.PeekAsync(100, Token)).Select(p => p.Message.Json));
    }

    [Fact]
    public async Task WhenTheServerEndsTheSession_NothingIsPutTwice()
    {
        await using TpqClient client = NewClient(time: new NoTimers());
        TpqQueue queue = await NewSlowQueueAsync(client);
        await using NpgsqlConnection door = await CloseDoorAsync();
        Task<long> first = await PutSlowlyAsync(queue);
        Task<long>[] others = [queue.PutAsync(Slow, Token), queue.PutAsync("1", Token)];
        await KillWaitingAsync(1);
        // What waited has a transaction now, which stands before the door as well.
        await KillWaitingAsync(1);
        await OpenDoorAsync(door);
        foreach (Task<long> put in (Task<long>[])[first, .. others])
            Assert.True(Npgsql(await Record.ExceptionAsync(() => put)));
        Assert.Equal(0, await queue.CountAsync(Token));
        await queue.PutAsync("2", Token);

        static bool Npgsql(Exception? error) => error is NpgsqlException;
    }

    static string Number(int n) => n.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>A queue that refuses one payload, and whose put of another waits while the door is closed.</summary>
    async Task<TpqQueue> NewSlowQueueAsync(TpqClient client)
    {
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        await ExecuteAsync(
            $"""
            ALTER TABLE "{Schema}".tpq_orders ADD CHECK (data::text <> '{Bad}');
            CREATE FUNCTION "{Schema}".wait() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              IF NEW.data::text = '{Slow}' THEN PERFORM pg_advisory_xact_lock_shared({Lock}, '"{Schema}".tpq_orders'::regclass::oid::int); END IF;
              RETURN NEW;
            END $$;
            CREATE TRIGGER wait BEFORE INSERT ON "{Schema}".tpq_orders FOR EACH ROW EXECUTE FUNCTION "{Schema}".wait();
            """);
        return queue;
    }

    async Task<NpgsqlConnection> CloseDoorAsync()
    {
        NpgsqlConnection door = await OpenAsync();
        await ExecuteAsync(door, $"SELECT pg_advisory_lock({Lock}, 'tpq_orders'::regclass::oid::int)");
        return door;
    }

    static Task OpenDoorAsync(NpgsqlConnection door) => ExecuteAsync(door, $"SELECT pg_advisory_unlock({Lock}, 'tpq_orders'::regclass::oid::int)");

    /// <summary>A put that stands before the door.</summary>
    async Task<Task<long>> PutSlowlyAsync(TpqQueue queue)
    {
        Task<long> put = queue.PutAsync(Slow, Token);
        await EventuallyAsync(() => ScalarAsync<bool>($"SELECT EXISTS ({Waiting})"), "the put waits");
        return put;
    }

    Task KillWaitingAsync(int count) => EventuallyAsync(
        async () => await ScalarAsync<long>($"SELECT count(pg_terminate_backend(pid)) FROM ({Waiting}) w") == count, "a put waits, and its session is ended");

    static string Waiting =>
        $"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = {Lock} AND objid = 'tpq_orders'::regclass::oid AND NOT granted";

    /// <summary>Nobody loses patience.</summary>
    sealed class NoTimers : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => new NoTimer();

        sealed class NoTimer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => default;
        }
    }
}
