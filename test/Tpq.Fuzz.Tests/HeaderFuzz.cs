using System.Text;
using CsCheck;
using Npgsql;
using Tpq.Fuzz.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.Fuzz.Tests;

public sealed class HeaderFuzz(Server server) : DatabaseTest(server)
{
    static readonly Gen<string> Text = Gen.OneOf(Gen.OneOf("", "\0", "tpq-id", "tpq-error", "\ud800", "\udc00\ud800"), Gen.OneOf(Names.Hostile), Gen.String);

    /// <summary>Through every path that writes headers anew: put, bulk put, delay, retry, lease, death and move.</summary>
    [Fact]
    public async Task Headers_ComeOutAsTheyWentIn_OrAreRefusedWithTheirName()
    {
        TpqQueue queue = await NewQueueAsync(), dead = await NewQueueAsync("orders_dead");
        await Gen.Dictionary(Text, Text)[0, 5].SampleAsync(async headers =>
        {
            var put = new TpqPut("1") { Headers = headers };
            if (!headers.All(h => IsWhole(h.Key) && IsWhole(h.Value)))
            {
                await Assert.ThrowsAsync<ArgumentException>(() => queue.PutAsync(put, Token));
                await Assert.ThrowsAsync<ArgumentException>(() => queue.PutManyAsync([put], Token));
                Assert.Equal(0, await queue.CountAsync(Token));
                return;
            }
            await queue.PutAsync(put, Token);
            await using (TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!)
            {
                Assert.Equal(headers, delivery.Message.Headers);
                await delivery.RetryAsync(TimeSpan.Zero, "no \0\"\\", Token);
            }
            await using (TpqLeaseBatch leases = (await queue.LeaseAsync(1, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1), Token))!)
                await leases[0].DeadLetterAsync("dead", Token);
            Assert.Equal(1, await dead.MoveToAsync(queue, cancellationToken: Token));
            await using TpqDelivery moved = (await queue.GetAsync(cancellationToken: Token))!;
            Assert.Equal(Others(headers), Others(moved.Message.Headers));
            Assert.Equal("dead", moved.Message.Headers["tpq-error"]);
            await moved.CommitAsync(Token);
        }, iter: Amount.Of(60), threads: 1);
    }

    /// <summary>What somebody else has written into the column, and type json takes.</summary>
    [Fact]
    public async Task HeadersOfSomebodyElse_StopNoMessage()
    {
        TpqQueue queue = await NewQueueAsync(), dead = await NewQueueAsync("orders_dead");
        await NearlyJson.Text().Where(text => IsWhole(text) && NearlyJson.IsJson(Encoding.UTF8.GetBytes(text))).SampleAsync(async json =>
        {
            await ExecuteAsync(Server.Admin, $"INSERT INTO \"{Schema}\".tpq_orders (data, headers) VALUES ('1', $1::json)", json);
            await using (TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!)
                await delivery.RetryAsync(TimeSpan.Zero, cancellationToken: Token);
            await using (TpqDelivery again = (await queue.GetAsync(TimeSpan.FromMinutes(1), Token))!)
            {
                Assert.NotNull(again.Message.Headers);
                await again.DeadLetterAsync("dead", Token);
            }
            await using TpqDelivery last = (await dead.GetAsync(cancellationToken: Token))!;
            Assert.Equal("dead", last.Message.Headers["tpq-error"]);
            await last.CommitAsync(Token);
        }, iter: Amount.Of(60), threads: 1);
    }

    static Dictionary<string, string> Others(IReadOnlyDictionary<string, string> headers) =>
        headers.Where(h => !h.Key.StartsWith("tpq-", StringComparison.Ordinal)).ToDictionary();

    /// <summary>Whether it has no half of a surrogate pair in it.</summary>
    static bool IsWhole(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) == text;

    static async Task ExecuteAsync(NpgsqlDataSource dataSource, string sql, string value)
    {
        await using NpgsqlCommand command = dataSource.CreateCommand(sql);
        command.Parameters.Add(new() { Value = value });
        await command.ExecuteNonQueryAsync(Token);
    }
}
