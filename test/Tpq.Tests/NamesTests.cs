using System.Text;
using CsCheck;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Queue names are data.</summary>
public sealed class NamesTests(Server server) : DatabaseTest(server)
{
    [Theory]
    [InlineData("Orders")]
    [InlineData("two words")]
    [InlineData("a.b")]
    [InlineData("a\"b")]
    [InlineData("'; drop table x; --")]
    [InlineData("\\'; E'\\\\")]
    [InlineData("{table}{later}")]
    [InlineData("$1 $$ :x")]
    [InlineData("ünïcödé 😀")]
    [InlineData("line\nbreak")]
    [InlineData(" ")]
    [InlineData("%s_%")]
    public Task ANameIsData(string name) => WorksAsync(name);

    [Fact]
    public async Task AnyNameIsData()
    {
        Gen<string> names = Gen.OneOf(Gen.Char[' ', '~'], Gen.Char['\u0001', '\u00ff'], Gen.OneOf('"', '\'', '\\', '.', '%', '_', '{', '}', '$'))
            .Array[1, 20].Select(c => new string(c))
            .Where(n => Encoding.UTF8.GetByteCount(n) <= 53 && !n.EndsWith("_later", StringComparison.Ordinal));
        await names.SampleAsync(WorksAsync, iter: 25, threads: 1);
    }

    [Fact]
    public async Task ASchemaAndAPrefixAreData()
    {
        const string hostile = "\"; DROP SCHEMA public; --'\\";
        await ExecuteAsync($"CREATE SCHEMA {Identifier.Quote(hostile + Schema[..30])}");
        await using var client = new TpqClient(
            Server.KeywordsOf(Server.Url), new TpqClientOptions { Schema = hostile + Schema[..30], TablePrefix = "P \"'" });
        try
        {
            await RoundTripAsync(client.Queue("orders"));
            Assert.Equal("orders", Assert.Single(await client.ListAsync(Token)).Name);
            await client.Queue("orders").DropAsync(Token);
        }
        finally
        {
            await ExecuteAsync($"DROP SCHEMA {Identifier.Quote(hostile + Schema[..30])} CASCADE");
        }
    }

    async Task WorksAsync(string name)
    {
        TpqQueue queue = Client.Queue(name);
        await RoundTripAsync(queue);
        Assert.Equal(name, Assert.Single(await Client.ListAsync(Token)).Name);
        await queue.DropAsync(Token);
        Assert.Empty(await Client.ListAsync(Token));
    }

    static async Task RoundTripAsync(TpqQueue queue)
    {
        Assert.True(await queue.CreateAsync(cancellationToken: Token));
        Assert.False(await queue.UpgradeAsync(Token));
        Task<TpqDelivery?> get = queue.GetAsync(TimeSpan.FromMinutes(1), Token);
        await queue.PutAsync("1", Token);
        await using (TpqDelivery delivery = (await get)!)
        {
            Assert.True((await queue.PeekAsync(1, Token))[0].Taken);
            Assert.Equal(queue.Name, delivery.Message.Queue);
            await delivery.CommitAsync(Token);
        }
        await queue.PutManyAsync(["2", "3"], Token);
        Assert.True(await queue.DeleteAsync(2, Token));
        Assert.Equal(1, await queue.ClearAsync(Token));
        Assert.Equal(0, await queue.CountAsync(Token));
    }
}
