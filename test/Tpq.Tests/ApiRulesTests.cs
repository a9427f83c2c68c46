using System.Reflection;
using System.Xml.Linq;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>Rules of the public API's shape that no behaviour shows.</summary>
public sealed class ApiRulesTests(Server server) : DatabaseTest(server)
{
    static readonly MethodInfo[] Methods = [.. typeof(TpqClient).Assembly.GetExportedTypes()
        .SelectMany(t => t.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))];

    [Fact]
    public void EveryAsyncMethod_EndsInAnOptionalToken()
    {
        MethodInfo[] methods = [.. Methods.Where(m => m.Name.EndsWith("Async", StringComparison.Ordinal) && m.Name != "DisposeAsync")];
        Assert.NotEmpty(methods);
        Assert.All(methods, m =>
        {
            ParameterInfo last = m.GetParameters()[^1];
            Assert.Equal((typeof(CancellationToken), "cancellationToken", true), (last.ParameterType, last.Name, last.IsOptional));
        });
    }

    [Fact]
    public void NoMethod_HasTwoOptionalParameters_BesideWaitAndToken() => Assert.All(Methods, m => Assert.InRange(
        m.GetParameters().Count(p => p.IsOptional && p.Name != "wait" && p.ParameterType != typeof(CancellationToken)), 0, 1));

    [Fact]
    public void NoOverload_TakesABareValue() => Assert.All(Methods.Where(m => m.IsGenericMethod),
        m => Assert.Contains(m.GetParameters(), p => p.ParameterType.Name is "JsonTypeInfo`1" or "JsonSerializerOptions" && !p.IsOptional));

    [Fact]
    public void TheShortcutsDocumentation_SaysAtMostOnce_InItsFirstSentence()
    {
        XElement member = XDocument.Load(Path.ChangeExtension(typeof(Queues).Assembly.Location, ".xml")).Descendants("member")
            .Single(m => ((string)m.Attribute("name")!).StartsWith("M:Tpq.Queues.GetAsync(System.String,System.TimeSpan", StringComparison.Ordinal));
        Assert.Contains("at most once", member.Element("summary")!.Value.Split('.')[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task EverythingWorks_OverASlimDataSource()
    {
        await using NpgsqlDataSource slim = new NpgsqlSlimDataSourceBuilder(Server.KeywordsOf(Server.Url)).Build();
        await using var client = new TpqClient(slim, new TpqClientOptions { Schema = Schema });
        TpqQueue queue = client.Queue("orders"), other = client.Queue("other");
        Assert.True(await queue.CreateAsync(cancellationToken: Token));
        Assert.True(await other.CreateAsync(cancellationToken: Token));
        Assert.False(await queue.UpgradeAsync(Token));
        Task<TpqBatch?> get = queue.GetManyAsync(2, TimeSpan.FromMinutes(1), Token);
        await queue.PutAsync(new TpqPut("1") { Headers = new Dictionary<string, string> { ["a"] = "b" } }, Token);
        await (await get)!.DisposeAsync();
        await using (TpqDelivery again = (await queue.GetAsync(cancellationToken: Token))!)
            Assert.Equal("1", again.Message.Json);
        await other.PutManyAsync([new TpqPut("3") { Delay = TimeSpan.FromHours(1) }, new TpqPut("\"\\\"4\"") { DueAt = DateTimeOffset.UnixEpoch }], Token);
        await queue.PutManyAsync(["2"], Token);
        Assert.Equal(2, (await queue.PeekAsync(5, Token)).Count);
        Assert.Equal(2, await queue.MoveToAsync(other, cancellationToken: Token));
        Assert.Equal([0, 2], (await client.ListAsync(Token)).Select(q => q.Count));
        Assert.True(await other.DeleteAsync(1, Token));
        Assert.Equal(["\"\\\"4\"", "1", "2"], (await DrainAsync(other)).Order(StringComparer.Ordinal));
        await queue.DropAsync(Token);
    }

    [Fact]
    public async Task OfSeveralHosts_OneThatAnswersIsUsed()
    {
        var settings = new NpgsqlConnectionStringBuilder(Server.KeywordsOf(Server.Url));
        settings.Host = $"127.0.0.1:1,{settings.Host}:{settings.Port}";
        await using var client = new TpqClient(settings.ConnectionString, new TpqClientOptions { Schema = Schema });
        await client.Queue("orders").CreateAsync(cancellationToken: Token);
        await client.Queue("orders").PutAsync("1", Token);
        Assert.Equal(["1"], await DrainAsync(client.Queue("orders")));
    }
}
