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
        await using Crowd crowd = await GatherAsync();
        Task<long>[] puts = [crowd.First, .. Enumerable.Range(0, 20).Select(n => crowd.Queue.PutAsync(Number(n), Token))];
        await crowd.OpenDoorAsync();
        long[] ids = await Soon(Task.WhenAll(puts));
        Assert.Equal(ids.Order(), ids);
        Assert.Equal([Slow, .. Enumerable.Range(0, 20).Select(Number)], (await crowd.Queue.PeekAsync(100, Token)).Select(p => p.Message.Json));
        Assert.Equal(2, await ScalarAsync<long>("SELECT count(DISTINCT xmin::text) FROM tpq_orders"));
    }

    [Fact]
    public async Task MessagesOfAllKinds_AreEachPutAsTheyAre_InTheOrderInWhichTheyCame()
    {
        // Short and long runs of three kinds, each kind behind each other one.
        int[] kinds = [.. new[] { 1, 3, 18 }.SelectMany(length => new[] { 0, 1, 2, 1, 0, 2 }.SelectMany(kind => Enumerable.Repeat(kind, length)))];
        await using Crowd crowd = await GatherAsync();
        Task<long>[] puts = [.. kinds.Select((kind, n) => crowd.Queue.PutAsync(
            new TpqPut(Number(n))
            {
                Headers = kind == 1 ? new Dictionary<string, string> { ["number"] = Number(n) } : null,
                Delay = kind == 2 ? TimeSpan.FromHours(1) : null,
            },
            Token))];
        await crowd.OpenDoorAsync();
        long[] ids = await Soon(Task.WhenAll(puts));
        Assert.Equal(ids.Order(), ids);
        string[] rows = await ScalarAsync<string[]>(
            """
            SELECT array_agg(concat_ws(' ', id, data, headers ->> 'number', due) ORDER BY id)
            FROM (SELECT id, data, headers, NULL AS due FROM tpq_orders UNION ALL SELECT id, data, headers, 'later' FROM tpq_orders_later) m
            """);
        string[] extra = ["", " {0}", " later"];
        Assert.Equal(kinds.Select((kind, n) => $"{ids[n]} {n}" + string.Format(null, extra[kind], n)), rows.Skip(1));
    }

    [Fact]
    public async Task WhereATriggerSwallowsMessages_NobodyGetsAnothersId()
    {
        await using Crowd crowd = await GatherAsync();
        // The first put has called the trigger's function already, as it was.
        await ExecuteAsync(
            $"""
            CREATE OR REPLACE FUNCTION "{Schema}".wait() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RETURN CASE WHEN NEW.data::text = '2' THEN NULL ELSE NEW END; END $$;
            CREATE TRIGGER wait BEFORE INSERT ON "{Schema}".tpq_orders_later FOR EACH ROW EXECUTE FUNCTION "{Schema}".wait();
            """);
        Task<long>[] puts =
        [
            .. Enumerable.Range(0, 5).Select(n => crowd.Queue.PutAsync(Number(n), Token)),
            crowd.Queue.PutAsync(new TpqPut("2") { Delay = TimeSpan.FromHours(1) }, Token),
        ];
        await crowd.OpenDoorAsync();
        long[] ids = await Soon(Task.WhenAll(puts));
        TpqPeeked[] peeked = [.. await crowd.Queue.PeekAsync(100, Token)];
        Assert.Equal([Slow, "0", "1", "3", "4"], peeked.Select(p => p.Message.Json));
        // Of the four that one statement has put one is missing, and nothing says which.
        Assert.Equal([0, 0, 0, 0, peeked[^1].Message.Id, 0], ids);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Maximum Pool Size=1")]
    public async Task AnErrorIsItsOwn_AndTheOthersArePut(string settings)
    {
        await using Crowd crowd = await GatherAsync(settings);
        Task<long> before = crowd.Queue.PutAsync("1", Token), bad = crowd.Queue.PutAsync(Bad, Token), after = crowd.Queue.PutAsync("2", Token);
        await crowd.OpenDoorAsync();
        long[] ids = await Soon(Task.WhenAll(crowd.First, before, after));
        PostgresException error = await Assert.ThrowsAsync<PostgresException>(() => Soon(bad));
        Assert.Equal(PostgresErrorCodes.CheckViolation, error.SqlState);
        Assert.Equal(
            [(ids[0], Slow), (ids[1], "1"), (ids[2], "2")],
            (await crowd.Queue.PeekAsync(100, Token)).Select(p => (p.Message.Id, p.Message.Json)));
        await Soon(crowd.Queue.PutAsync("3", Token));
    }

    [Fact]
    public async Task AMissingQueue_IsSaidToEach()
    {
        await using TpqClient client = NewClient();
        TpqQueue nope = client.Queue("nope");
        Task<long>[] puts = [.. Enumerable.Range(0, 10).Select(n => nope.PutAsync(Number(n), Token))];
        foreach (Task<long> put in puts)
            await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Soon(put));
    }

    [Fact]
    public async Task APutThatTakesItsTime_HoldsUpNoOther()
    {
        await using Crowd crowd = await GatherAsync(time: TimeProvider.System);
        await Soon(Task.WhenAll(Enumerable.Range(0, 20).Select(n => crowd.Queue.PutAsync(Number(n), Token))));
        Assert.False(crowd.First.IsCompleted);
        Assert.Equal(20, await crowd.Queue.CountAsync(Token));
        await crowd.OpenDoorAsync();
        await Soon(crowd.First);
    }

    [Fact]
    public async Task AWaitingPut_IsCancelledAtOnce_AndNotPut()
    {
        await using Crowd crowd = await GatherAsync();
        using var cancel = new CancellationTokenSource();
        Task<long> cancelled = crowd.Queue.PutAsync("1", cancel.Token), other = crowd.Queue.PutAsync("2", Token);
        await cancel.CancelAsync();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Soon(cancelled));
        Assert.Equal(cancel.Token, error.CancellationToken);
        await crowd.OpenDoorAsync();
        await Soon(Task.WhenAll(crowd.First, other));
        Assert.Equal([Slow, "2"], (await crowd.Queue.PeekAsync(100, Token)).Select(p => p.Message.Json));
    }

    [Fact]
    public async Task WhenTheServerEndsTheSession_NothingIsPutTwice()
    {
        await using Crowd crowd = await GatherAsync();
        Task<long>[] puts = [crowd.First, crowd.Queue.PutAsync(Slow, Token), crowd.Queue.PutAsync("1", Token)];
        int first = await KillWaitingAsync();
        // What waited has a transaction now, which stands before the door as well.
        await KillWaitingAsync(after: first);
        await crowd.OpenDoorAsync();
        foreach (Task<long> put in puts)
            Assert.IsAssignableFrom<NpgsqlException>(await Record.ExceptionAsync(() => Soon(put)));
        Assert.Equal(0, await crowd.Queue.CountAsync(Token));
        await Soon(crowd.Queue.PutAsync("2", Token));
    }

    static string Number(int n) => n.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>What never comes fails the test, instead of keeping it for ever.</summary>
    static Task<T> Soon<T>(Task<T> task) => task.WaitAsync(TimeSpan.FromSeconds(20), Token);

    /// <summary>A queue that refuses one payload, and whose put of another waits before a door, as the first put does.</summary>
    /// <param name="settings">Of the connection.</param>
    /// <param name="time">Null: nobody loses patience.</param>
    async Task<Crowd> GatherAsync(string settings = "", TimeProvider? time = null)
    {
        TpqClient client = NewClient(settings, time: time ?? new NoTimers());
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
        NpgsqlConnection door = await OpenAsync();
        await ExecuteAsync(door, $"SELECT pg_advisory_lock({Lock}, 'tpq_orders'::regclass::oid::int)");
        Task<long> first = queue.PutAsync(Slow, Token);
        await EventuallyAsync(() => ScalarAsync<bool>($"SELECT EXISTS ({Waiting})"), "the first put waits");
        return new Crowd(client, queue, door, first);
    }

    /// <summary>Ends the session of the put that waits.</summary>
    /// <param name="after">The session that was ended before, which may take a moment to be gone.</param>
    async Task<int> KillWaitingAsync(int after = 0)
    {
        int pid = 0;
        await EventuallyAsync(
            // Not as a condition beside the others: in which order they are looked at is the planner's choice, and other tests have sessions too.
            async () => (pid = await ScalarAsync<int>($"WITH w AS MATERIALIZED ({Waiting} AND pid <> {after}) SELECT coalesce((SELECT pid FROM w WHERE pg_terminate_backend(pid)), 0)")) != 0,
            "a put waits, and its session is ended");
        return pid;
    }

    static string Waiting =>
        $"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = {Lock} AND objid = 'tpq_orders'::regclass::oid AND NOT granted";

    sealed record Crowd(TpqClient Client, TpqQueue Queue, NpgsqlConnection Door, Task<long> First) : IAsyncDisposable
    {
        public Task OpenDoorAsync() => ExecuteAsync(Door, $"SELECT pg_advisory_unlock({Lock}, 'tpq_orders'::regclass::oid::int)");

        public async ValueTask DisposeAsync()
        {
            // A client waits for its puts, in a test that has failed as well.
            await OpenDoorAsync();
            await Door.DisposeAsync();
            await Client.DisposeAsync();
        }
    }
}
