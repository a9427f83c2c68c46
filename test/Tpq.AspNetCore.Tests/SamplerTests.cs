using Tpq.AspNetCore.Tests.Fixtures;
using Tpq.Internal;

namespace Tpq.AspNetCore.Tests;

public sealed class SamplerTests(Server server) : DashboardTest(server)
{
    /// <summary>Open pages would go on to show old numbers, and call them live.</summary>
    [Fact]
    public async Task ALookThatFailsInAnyWay_IsTold_AndNotTheLast()
    {
        await NewQueueAsync();
        var time = new BrokenTime();
        await using var client = new TpqClient(
            Tpq.Internal.ConnectionUrl.Parse(Server.Url, "TPQ_TEST_URL").ConnectionString, new TpqClientOptions { Schema = Schema, TimeProvider = time });
        await using IAsyncEnumerator<Sample> samples =
            new Sampler(client, TimeSpan.FromMilliseconds(200), Token).WatchAsync(Token).GetAsyncEnumerator(Token);
        await NextAsync();
        Assert.Null(samples.Current.Trouble);
        time.IsBroken = true;
        while (samples.Current.Trouble is null)
            await NextAsync();
        Assert.Equal("The queues cannot be read: The clock stands still.", samples.Current.Trouble);
        Assert.Equal("orders", Assert.Single(samples.Current.Rows).Name);
        time.IsBroken = false;
        while (samples.Current.Trouble is not null)
            await NextAsync();

        async Task NextAsync() => Assert.True(await samples.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(1), Token));
    }

    sealed class BrokenTime : TimeProvider
    {
        public volatile bool IsBroken;

        public override DateTimeOffset GetUtcNow() => IsBroken ? throw new InvalidOperationException("The clock stands still.") : base.GetUtcNow();
    }
}
