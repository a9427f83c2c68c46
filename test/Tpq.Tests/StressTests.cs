using System.Collections.Concurrent;
using System.Globalization;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class StressTests(Server server) : DatabaseTest(server)
{
    const int Producers = 8, Consumers = 8, Messages = 20_000;

    /// <summary>Each consumer writes into the ledger in the message's transaction, and throws one take in ten away.</summary>
    [Fact]
    public async Task NothingIsLost_NothingIsTwice_WithEightProducersAndEightConsumersThatRollBack()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".ledger (producer int, number int)");
        int left = Messages;
        Task[] producers = [.. Enumerable.Range(0, Producers).Select(p => Task.Run(async () =>
        {
            for (int n = 0; n < Messages / Producers; n++)
                await queue.PutAsync($$"""{"p":{{p}},"n":{{n}}}""", Token);
        }, Token))];
        Task[] consumers = [.. Enumerable.Range(0, Consumers).Select(c => Task.Run(async () =>
        {
            var random = new Random(c);
            while (Volatile.Read(ref left) > 0)
            {
                await using TpqDelivery? delivery = await queue.GetAsync(TimeSpan.FromMilliseconds(200), Token);
                if (delivery is null)
                    continue;
                await using (var write = new NpgsqlCommand(
                    $"INSERT INTO \"{Schema}\".ledger SELECT (j->>'p')::int, (j->>'n')::int FROM (SELECT $1::json AS j) m", delivery.Connection))
                {
                    write.Parameters.Add(new() { Value = delivery.Message.Json, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Json });
                    await write.ExecuteNonQueryAsync(Token);
                }
                if (random.Next(10) == 0)
                    continue;
                await delivery.CommitAsync(Token);
                Interlocked.Decrement(ref left);
            }
        }, Token))];
        await Task.WhenAll([.. producers, .. consumers]);
        Assert.Equal(0, await queue.CountAsync(Token));
        Assert.Equal((long)Messages, await ScalarAsync<long>("SELECT count(*) FROM ledger"));
        Assert.Equal((long)Messages, await ScalarAsync<long>("SELECT count(*) FROM (SELECT DISTINCT producer, number FROM ledger) d"));
    }

    [Fact]
    public async Task OneConsumer_SeesEachProducersMessagesInOrder_AlsoAfterRollbacks()
    {
        TpqQueue queue = await NewQueueAsync();
        const int each = 300;
        Task[] producers = [.. Enumerable.Range(0, Producers).Select(p => Task.Run(async () =>
        {
            for (int n = 0; n < each; n++)
                await queue.PutAsync($"[{p},{n}]", Token);
        }, Token))];
        // Before anything is consumed: what commits late, behind the consumer's position, may come up to 100 ms late.
        await Task.WhenAll(producers);
        var seen = new ConcurrentDictionary<int, List<int>>();
        var random = new Random(1);
        for (int done = 0; done < each * Producers;)
        {
            await using TpqDelivery delivery = (await queue.GetAsync(TimeSpan.FromMinutes(1), Token))!;
            if (random.Next(10) == 0)
                continue;
            string[] parts = delivery.Message.Json.Trim('[', ']').Split(',');
            seen.GetOrAdd(int.Parse(parts[0], CultureInfo.InvariantCulture), _ => []).Add(int.Parse(parts[1], CultureInfo.InvariantCulture));
            await delivery.CommitAsync(Token);
            done++;
        }
        Assert.Equal(Producers, seen.Count);
        Assert.All(seen.Values, numbers => Assert.Equal(Enumerable.Range(0, each), numbers));
    }
}
