using System.Text.RegularExpressions;
using Npgsql;
using Tpq.Docs.Tests.Fixtures;

namespace Tpq.Docs.Tests;

/// <summary>The grants of SECURITY.md are executed for real roles, which then log in: each may do what it is for, and nothing else.</summary>
public sealed partial class SecurityTests(Server server) : IAsyncLifetime
{
    const string Producer = "orders_producer", Consumer = "orders_consumer", Observer = "orders_observer", Owner = "queue_owner", Password = "secret";

    static readonly string[] Roles = [Owner, Producer, Consumer, Observer];

    static readonly IReadOnlyList<Block> Blocks = Block.Of("SECURITY.md", "sql");

    readonly string _suffix = $"_{Guid.NewGuid():N}";
    readonly List<TpqClient> _clients = [];

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Assert.Equal(4, Blocks.Count);
        await ExecuteAsync(Blocks[0].Text);
        foreach (string role in Roles)
            await ExecuteAsync($"ALTER ROLE {role} LOGIN PASSWORD '{Password}'");
        await OrdersOf(Owner).CreateAsync(cancellationToken: Token);
        await OrdersOf(Owner).PutManyAsync(["1", "2", "3"], Token);
        await ExecuteAsync($"SET ROLE {Owner}; {Blocks[1].Text}; RESET ROLE");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (TpqClient client in _clients)
            await client.DisposeAsync();
        await ExecuteAsync($"DROP SCHEMA queues CASCADE; DROP ROLE {string.Join(", ", Roles)}");
    }

    [Fact]
    public async Task AProducer_CanPut_AndNothingElse()
    {
        TpqQueue orders = OrdersOf(Producer);
        await orders.PutAsync("4", Token);
        await orders.PutAsync(new TpqPut("5") { Headers = new Dictionary<string, string> { ["a"] = "b" } }, Token);
        await orders.PutManyAsync(["6", "7"], Token);
        Assert.Equal(7, await orders.CountAsync(Token));
        await RefusedAsync(
            () => orders.GetAsync(cancellationToken: Token), () => orders.GetManyAsync(2, cancellationToken: Token), () => orders.PeekAsync(1, Token),
            () => orders.DeleteAsync(1, Token), () => orders.ClearAsync(Token), () => orders.DropAsync(Token),
            () => orders.Client.Queue("other").CreateAsync(cancellationToken: Token));
        Assert.Empty(await orders.Client.ListAsync(Token));
    }

    [Fact]
    public async Task AConsumer_CanTakeAndLook_AndNothingElse()
    {
        TpqQueue orders = OrdersOf(Consumer);
        await using (TpqDelivery? delivery = await orders.GetAsync(cancellationToken: Token))
        {
            Assert.Equal("1", delivery!.Message.Json);
            Assert.Equal([true, false, false], (await orders.PeekAsync(3, Token)).Select(p => p.Taken));
            await delivery.CommitAsync(Token);
        }
        await using (TpqBatch? batch = await orders.GetManyAsync(1, TimeSpan.FromSeconds(5), Token))
            Assert.Equal("2", Assert.Single(batch!).Json);
        Assert.Equal(2, await orders.CountAsync(Token));
        Assert.Equal("orders", Assert.Single(await orders.Client.ListAsync(Token)).Name);
        await RefusedAsync(
            () => orders.PutAsync("4", Token), () => orders.PutManyAsync(["4"], Token), () => orders.DropAsync(Token),
            () => orders.Client.Queue("other").CreateAsync(cancellationToken: Token));
        Assert.True(await orders.DeleteAsync((await orders.PeekAsync(1, Token))[0].Message.Id, Token));
        Assert.Equal(1, await orders.ClearAsync(Token));
        // What is there already takes no right to create.
        Assert.False(await orders.CreateAsync(cancellationToken: Token));
        Assert.False(await orders.UpgradeAsync(Token));
    }

    [Fact]
    public async Task WhereMessagesAreDelayed_TheOtherRightsAreEnough()
    {
        TpqQueue producer = OrdersOf(Producer), consumer = OrdersOf(Consumer);
        await RefusedAsync(() => producer.PutAsync(new TpqPut("5") { Delay = TimeSpan.FromMilliseconds(1) }, Token));
        await ExecuteAsync($"SET ROLE {Owner}; {Blocks[2].Text}; RESET ROLE");
        await producer.PutAsync(new TpqPut("5") { Delay = TimeSpan.FromMilliseconds(1) }, Token);
        var taken = new List<string>();
        while (taken.Count < 4)
        {
            await using TpqBatch? batch = await consumer.GetManyAsync(10, TimeSpan.FromMinutes(1), Token);
            taken.AddRange(batch!.Select(m => m.Json));
            await batch!.CommitAsync(Token);
        }
        Assert.Equal(["1", "2", "3", "5"], taken);
    }

    [Fact]
    public async Task AConsumerThatRetries_Leases_AndBuries_NeedsWhatThePageSays()
    {
        await OrdersOf(Owner).Client.Queue("orders_dead").CreateAsync(cancellationToken: Token);
        TpqQueue consumer = OrdersOf(Consumer);
        await RefusedAsync(() => RetryAsync(consumer), () => consumer.LeaseAsync(1, TimeSpan.FromMinutes(1), cancellationToken: Token), () => consumer.PauseAsync(Token));
        await ExecuteAsync($"SET ROLE {Owner}; {Blocks[2].Text}; RESET ROLE");
        await RetryAsync(consumer);
        Assert.True(await consumer.PauseAsync(Token));
        Assert.True(await consumer.ResumeAsync(Token));
        await using TpqLeaseBatch leases = (await consumer.LeaseAsync(2, TimeSpan.FromMinutes(1), cancellationToken: Token))!;
        await leases[0].RetryAsync(TimeSpan.FromHours(1), "later", Token);
        await RefusedAsync(() => leases[1].DeadLetterAsync("why", Token));
        await ExecuteAsync($"SET ROLE {Owner}; {Blocks[3].Text}; RESET ROLE");
        await leases[1].DeadLetterAsync("why", Token);
        Assert.Equal(1, await OrdersOf(Owner).Client.Queue("orders_dead").CountAsync(Token));
        // A message that was in hand before is counted in advance, and given back with the count that it had.
        await OrdersOf(Owner).PutAsync("9", Token);
        await (await consumer.GetAsync(cancellationToken: Token))!.DisposeAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await consumer.ConsumeAsync(async (_, _) => await stop.CancelAsync(), cancellationToken: stop.Token);
    }

    static async Task RetryAsync(TpqQueue queue)
    {
        await using TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!;
        await delivery.RetryAsync(TimeSpan.FromHours(1), cancellationToken: Token);
    }

    [Fact]
    public async Task AConsumer_IsWoken()
    {
        TpqQueue orders = OrdersOf(Consumer);
        await orders.ClearAsync(Token);
        Task<TpqDelivery?> get = orders.GetAsync(TimeSpan.FromMinutes(1), Token);
        await OrdersOf(Producer).PutAsync("4", Token);
        await using TpqDelivery? delivery = await get;
        Assert.Equal("4", delivery!.Message.Json);
    }

    [Fact]
    public async Task AnObserver_CanLook_AndNothingElse()
    {
        TpqQueue orders = OrdersOf(Observer);
        Assert.Equal(3, (await orders.PeekAsync(5, Token)).Count);
        Assert.Equal(3, await orders.CountAsync(Token));
        Assert.Equal(3, Assert.Single(await orders.Client.ListAsync(Token)).Count);
        await RefusedAsync(
            () => orders.PutAsync("4", Token), () => orders.GetAsync(cancellationToken: Token), () => orders.DeleteAsync(1, Token),
            () => orders.ClearAsync(Token), () => orders.DropAsync(Token), () => orders.Client.Queue("other").CreateAsync(cancellationToken: Token));
    }

    [Fact]
    public async Task AnOwner_CanDoEverything()
    {
        TpqQueue orders = OrdersOf(Owner);
        Assert.True(await orders.Client.Queue("other").CreateAsync(cancellationToken: Token));
        await orders.MoveToAsync(orders.Client.Queue("other"), null, Token);
        await orders.DropAsync(Token);
    }

    [Theory]
    [InlineData("INSERT (data)", Producer, "put")]
    [InlineData("INSERT (headers)", Producer, "put with headers")]
    [InlineData("SELECT (id)", Producer, "put")]
    [InlineData("sequence", Producer, "put")]
    [InlineData("SELECT", Consumer, "get")]
    [InlineData("DELETE", Consumer, "get")]
    [InlineData("UPDATE (attempts)", Consumer, "get")]
    [InlineData("SELECT", Observer, "count")]
    [InlineData("schema", Observer, "count")]
    public async Task EachRight_IsNeeded(string right, string role, string what)
    {
        TpqQueue orders = OrdersOf(role);
        Func<Task> act = what switch
        {
            "put" => () => orders.PutAsync("1", Token),
            "put with headers" => () => orders.PutAsync(new TpqPut("5") { Headers = new Dictionary<string, string> { ["a"] = "b" } }, Token),
            "get" => async () => await (await orders.GetAsync(cancellationToken: Token))!.DisposeAsync(),
            _ => () => orders.CountAsync(Token),
        };
        await act();
        await ExecuteAsync(right switch
        {
            "sequence" => $"REVOKE USAGE ON SEQUENCE queues.tpq_orders_id_seq FROM {role}",
            "schema" => $"REVOKE USAGE ON SCHEMA queues FROM {role}",
            _ => $"REVOKE {right} ON queues.tpq_orders FROM {role}",
        });
        await RefusedAsync(act);
    }

    [Fact]
    public async Task AMover_NeedsWhatThePageSays()
    {
        TpqQueue other = OrdersOf(Owner).Client.Queue("other");
        await other.CreateAsync(cancellationToken: Token);
        TpqQueue orders = OrdersOf(Consumer);
        await ExecuteAsync(
            $"GRANT INSERT (data, headers), SELECT (id) ON queues.tpq_other TO {Consumer}; GRANT USAGE ON SEQUENCE queues.tpq_other_id_seq TO {Consumer}");
        await RefusedAsync(() => orders.MoveToAsync(orders.Client.Queue("other"), null, Token));
        await ExecuteAsync($"GRANT INSERT (enqueued_at) ON queues.tpq_other TO {Consumer}");
        Assert.Equal(3, await orders.MoveToAsync(orders.Client.Queue("other"), null, Token));
    }

    [Fact]
    public async Task AQueueOfPythons_TakesWhatThePageSays()
    {
        await ExecuteAsync(
            $"""
            CREATE TABLE queues.tpq_python (id bigserial PRIMARY KEY, data json NOT NULL);
            GRANT INSERT (data), SELECT (id) ON queues.tpq_python TO {Producer}; GRANT USAGE ON SEQUENCE queues.tpq_python_id_seq TO {Producer};
            GRANT SELECT, DELETE, UPDATE (id) ON queues.tpq_python TO {Consumer};
            """);
        await OrdersOf(Producer).Client.Queue("python").PutAsync("1", Token);
        await using TpqDelivery? delivery = await OrdersOf(Consumer).Client.Queue("python").GetAsync(cancellationToken: Token);
        Assert.Equal("1", delivery!.Message.Json);
    }

    static async Task RefusedAsync(params Func<Task>[] acts)
    {
        foreach (Func<Task> act in acts)
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(act)).SqlState);
    }

    TpqQueue OrdersOf(string role)
    {
        var client = new TpqClient(server.UrlFor(role + _suffix, Password), new TpqClientOptions { Schema = "queues" + _suffix });
        _clients.Add(client);
        return client.Queue("orders");
    }

    /// <summary>Roles belong to the whole server, so the page's names get a suffix here.</summary>
    Task ExecuteAsync(string sql) => server.ExecuteAsync(Names().Replace(sql, m => m.Value + _suffix));

    [GeneratedRegex(@"\b(queues|queue_owner|orders_(producer|consumer|observer))\b")]
    private static partial Regex Names();
}
