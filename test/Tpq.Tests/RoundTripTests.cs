using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>How often the server is asked, counted on the wire. Time stands still: what is asked once in a while is not counted.</summary>
public sealed class RoundTripTests(Server server) : DatabaseTest(server)
{
    /// <summary>Until everything is prepared that will be.</summary>
    const int Before = 20;

    const int Counted = 50;

    readonly Wire _wire = new(Server.KeywordsOf(server.Url));
    TpqClient _client = null!;
    TpqQueue _queue = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _client = NewClient(_wire.Keywords, time: new FakeTimeProvider());
        _queue = _client.Queue("orders");
        await _queue.CreateAsync(cancellationToken: Token);
    }

    public override async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _wire.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task APut_IsOne() => Assert.Equal(Counted, await CountAsync(async () => await _queue.PutAsync("1", Token)));

    /// <summary>However many they are: they stream through one COPY.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(5_000)]
    public async Task ManyPuts_AreFive(int messages) =>
        Assert.Equal(5 * Counted, await CountAsync(async () => await _queue.PutManyAsync(Enumerable.Repeat("1", messages), Token)));

    [Fact]
    public async Task AGet_IsOne_AndItsCommitIsAnother()
    {
        await FillAsync();
        Assert.Equal(2 * Counted, await CountAsync(async () =>
        {
            await using TpqDelivery? delivery = await _queue.GetAsync(cancellationToken: Token);
            await delivery!.CommitAsync(Token);
        }));
    }

    [Fact]
    public async Task AGetOfMany_IsOne_AndItsCommitIsAnother()
    {
        await FillAsync();
        Assert.Equal(2 * Counted, await CountAsync(async () =>
        {
            await using TpqBatch? batch = await _queue.GetManyAsync(10, cancellationToken: Token);
            Assert.Equal(10, batch!.Count);
            await batch.CommitAsync(Token);
        }));
    }

    /// <summary>The commit of one message is sent with the take of the next.</summary>
    [Fact]
    public async Task AMessageOfASequence_IsOne()
    {
        await FillAsync();
        await using IAsyncEnumerator<TpqDelivery> deliveries = _queue.ReadAllAsync(Token).GetAsyncEnumerator(Token);
        Assert.Equal(Counted, await CountAsync(async () =>
        {
            await deliveries.MoveNextAsync();
            await deliveries.Current.CommitAsync(Token);
        }));
    }

    /// <summary>A handler's statement is one more: the savepoint before it goes with it.</summary>
    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 2)]
    public async Task AConsumersMessage_IsOne_BesidesWhatItsHandlerAsks(bool asks, int each)
    {
        await FillAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        int handled = 0, first = 0, last = 0;
        await _queue.ConsumeAsync(async (delivery, _) =>
        {
            handled++;
            if (handled == Before)
                first = _wire.RoundTrips;
            if (handled == Before + Counted)
            {
                last = _wire.RoundTrips;
                await stop.CancelAsync();
            }
            if (asks)
            {
                await using var command = new NpgsqlCommand("SELECT 1", delivery.Connection, delivery.Transaction);
                await command.ExecuteNonQueryAsync(CancellationToken.None);
            }
        }, cancellationToken: stop.Token);
        Assert.Equal(each * Counted, last - first);
    }

    /// <summary>More than any test takes.</summary>
    Task<long> FillAsync() => _queue.PutManyAsync(Enumerable.Range(0, 1_000).Select(n => $"{n}"), Token);

    async Task<int> CountAsync(Func<Task> step)
    {
        for (int n = 0; n < Before; n++)
            await step();
        int before = _wire.RoundTrips;
        for (int n = 0; n < Counted; n++)
            await step();
        return _wire.RoundTrips - before;
    }
}
