using System.Diagnostics;
using Npgsql;
using Tpq.Embedded;
using Tpq.Internal.Overview;

namespace Tpq.Tests;

/// <summary>Puts whose transaction is prepared, and committed later. PostgreSQL refuses that to a transaction that has notified.</summary>
public sealed class TwoPhaseTests(PreparingServer server) : IClassFixture<PreparingServer>
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Of the queue and of the prepared transaction.</summary>
    readonly string _name = $"two_phase_{Guid.NewGuid():N}";

    static CancellationToken Token => TestContext.Current.CancellationToken;

    TpqClient Client => server.Client;

    [Theory]
    [InlineData(TpqNotify.Never, false)]
    [InlineData(TpqNotify.Never, true)]
    [InlineData(TpqNotify.Auto, false)]
    public async Task APreparedPut_IsDelivered_WhenItIsCommitted(TpqNotify notify, bool isWaitedFor)
    {
        TpqQueue queue = await NewQueueAsync(notify);
        Task<TpqDelivery?>? get = isWaitedFor ? await StartToGetAsync(queue, isServed: false) : null;
        await PutAndPrepareAsync(queue);
        // It keeps its lock on the bell: who waits now is no doorman for it, and looks by the clock.
        get ??= await StartToGetAsync(queue, isServed: false);
        Assert.False(get.IsCompleted);
        await ExecuteAsync($"COMMIT PREPARED '{_name}'");
        await using TpqDelivery? delivery = await get.WaitAsync(Patience, Token);
        Assert.Equal("1", delivery!.Message.Json);
    }

    [Fact]
    public async Task APreparedTake_IsSeenInTheOverview()
    {
        TpqQueue queue = await NewQueueAsync(TpqNotify.Never);
        await queue.PutAsync("1", Token);
        await using (NpgsqlConnection connection = await Client.DataSource.OpenConnectionAsync(Token))
        {
            await using NpgsqlCommand take = new(
                $"BEGIN; DELETE FROM \"tpq_{_name}\" WHERE id = (SELECT id FROM \"tpq_{_name}\" ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1); PREPARE TRANSACTION '{_name}'", connection);
            await take.ExecuteNonQueryAsync(Token);
        }
        QueueOverview overview = (await new OverviewReader(Client).ReadAsync(Token)).Find(_name)!;
        var (holders, messages) = await HeldReader.ReadAsync(Client, overview.Statistics, Token);
        await ExecuteAsync($"ROLLBACK PREPARED '{_name}'");
        Assert.Equal(new Tally(1, IsEstimate: false), overview.InHand);
        Assert.Equal((_name, null), (Assert.Single(holders).Application, Assert.Single(messages).Process));
    }

    [Theory]
    [InlineData(TpqNotify.Always, false)]
    [InlineData(TpqNotify.Always, true)]
    [InlineData(TpqNotify.Auto, true)]
    public async Task APutThatRings_CannotBePrepared_AndIsNotPut(TpqNotify notify, bool isWaitedFor)
    {
        TpqQueue queue = await NewQueueAsync(notify);
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
        await using NpgsqlConnection connection = await Client.DataSource.OpenConnectionAsync(Token);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await queue.In(transaction).PutAsync("1", Token);
        await using var prepare = new NpgsqlCommand($"PREPARE TRANSACTION '{_name}'", connection);
        await prepare.ExecuteNonQueryAsync(Token);
    }

    /// <param name="queue">The queue.</param>
    /// <param name="isServed">Whether it is to have a doorman, or a bell that always rings.</param>
    async Task<Task<TpqDelivery?>> StartToGetAsync(TpqQueue queue, bool isServed)
    {
        Task<TpqDelivery?> get = queue.GetAsync(Timeout.InfiniteTimeSpan, Token);
        await EventuallyAsync(() => Client.State(queue.Name).Sleepers is { CountAsleep: 1 } s && (s.AreServed || !isServed));
        return get;
    }

    async Task<TpqQueue> NewQueueAsync(TpqNotify notify)
    {
        TpqQueue queue = Client.Queue(_name);
        Assert.True(await queue.CreateAsync(new TpqQueueOptions { Notify = notify }, Token));
        return queue;
    }

    async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = Client.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Token);
    }

    static async Task EventuallyAsync(Func<bool> isTrue)
    {
        long start = Stopwatch.GetTimestamp();
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!isTrue())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, "it does not sleep");
            await poll.WaitForNextTickAsync(Token);
        }
    }
}

/// <summary>A server on which a transaction can be prepared, which is not the default.</summary>
public sealed class PreparingServer : IAsyncLifetime
{
    EmbeddedPostgres? _embedded;

    public TpqClient Client { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _embedded = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions
        {
            Settings = new Dictionary<string, string> { ["max_prepared_transactions"] = "10" },
        });
        Client = new TpqClient(_embedded.Url);
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await _embedded!.DisposeAsync();
    }
}
