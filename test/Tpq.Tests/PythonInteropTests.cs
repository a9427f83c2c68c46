using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>One queue, two libraries at once, in both directions.</summary>
public sealed class PythonInteropTests(Server server) : DatabaseTest(server)
{
    readonly Server _server = server;

    [Fact]
    public async Task AQueueMadeByPython_WorksFromHere_Unchanged()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        await using var python = new PythonTpq(_server.Url, Schema);
        long id = await python.PutAsync("orders", """{"from": "python"}""");
        await using (TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!)
        {
            Assert.Equal((id, """{"from": "python"}"""), (delivery.Message.Id, delivery.Message.Json));
            Assert.Equal(0, delivery.Message.Attempts);
            Assert.Null(delivery.Message.EnqueuedAt);
            Assert.Empty(delivery.Message.Headers);
            Assert.Null(await python.GetAsync("orders"));
            await delivery.CommitAsync(Token);
        }
        await queue.PutAsync("1", Token);
        await queue.PutManyAsync(["2", "3"], Token);
        Assert.Equal("1", await python.GetAsync("orders"));
        Assert.Equal(["2", "3"], (await queue.PeekAsync(5, Token)).Select(p => p.Message.Json));
        Assert.Equal(2, await queue.CountAsync(Token));
        Assert.Equal(2, await queue.ClearAsync(Token));
    }

    [Fact]
    public async Task AQueueMadeHere_WorksFromPython()
    {
        TpqQueue queue = await NewQueueAsync();
        await using var python = new PythonTpq(_server.Url, Schema);
        long id = await python.PutAsync("orders", "1");
        await queue.PutAsync(new TpqPut("2") { Headers = new Dictionary<string, string> { ["a"] = "b" } }, Token);
        await using (TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!)
        {
            Assert.Equal(id, delivery.Message.Id);
            Assert.NotNull(delivery.Message.EnqueuedAt);
            Assert.Equal("2", await python.GetAsync("orders"));
        }
        Assert.Equal("1", await python.GetAsync("orders"));
    }

    [Fact]
    public async Task BothSkipWhatTheOtherHolds()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        await queue.PutManyAsync(["1", "2", "3"], Token);
        await using TpqDelivery ours = (await queue.GetAsync(cancellationToken: Token))!;
        await using NpgsqlConnection connection = await OpenAsync();
        await using NpgsqlTransaction theirs = await connection.BeginTransactionAsync(Token);
        Assert.Equal("2", await PythonTpq.GetAsync(connection, "orders"));
        await using TpqDelivery last = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.Equal("3", last.Message.Json);
        Assert.Null(await PythonTpq.GetAsync(connection, "orders"));
        await theirs.RollbackAsync(Token);
        Assert.Equal([true, false, true], (await queue.PeekAsync(3, Token)).Select(p => p.Taken));
    }

    [Fact]
    public async Task APutOfPythons_WakesAConsumerHere()
    {
        string name = $"from_python_{Guid.NewGuid():N}";
        TpqQueue queue = await NewPythonQueueAsync(name);
        await using var python = new PythonTpq(_server.Url, Schema);
        Task<TpqDelivery?> get = queue.GetAsync(TimeSpan.FromMinutes(1), Token);
        await EventuallyAsync(() => ScalarAsync<bool>(
            $"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query = 'LISTEN \"{name}\"')"), "the consumer listens");
        await python.PutAsync(name, "1");
        await using TpqDelivery? delivery = await get;
        Assert.Equal("1", delivery!.Message.Json);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task APutFromHere_WakesAConsumerOfPythons(bool madeByPython)
    {
        // Through the search path, as Python does; so both ring and listen to the queue's name.
        await using var client = new TpqClient($"{Server.KeywordsOf(_server.Url)};Search Path=\"{Schema}\"");
        TpqQueue queue = client.Queue("interop");
        await using var python = new PythonTpq(_server.Url, Schema);
        if (madeByPython)
            await python.CreateAsync("interop");
        else
            await queue.CreateAsync(new TpqQueueOptions { Notify = TpqNotify.Always }, Token);
        var listening = new TaskCompletionSource();
        Task<string?> wait = python.WaitAsync("interop", listening.SetResult, Token);
        await listening.Task;
        await queue.PutAsync("1", Token);
        Assert.Equal("1", await wait);
    }

    [Fact]
    public async Task AQueueThatPythonNamesInUpperCase_IsHereTheOneInLowerCase()
    {
        await NewPythonQueueAsync("Orders");
        await using var python = new PythonTpq(_server.Url, Schema);
        await python.PutAsync("Orders", "1");
        TpqQueue queue = Client.Queue("orders");
        await queue.PutAsync("2", Token);
        await using (TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!)
        {
            Assert.Equal("1", delivery.Message.Json);
            await delivery.CommitAsync(Token);
        }
        Assert.Equal("2", await python.GetAsync("ORDERS"));
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("Orders").PutAsync("3", Token));
    }

    [Fact]
    public async Task PythonWorksOn_AfterAnUpgrade()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        await using var python = new PythonTpq(_server.Url, Schema);
        await python.PutAsync("orders", "1");
        Assert.True(await queue.UpgradeAsync(Token));
        await python.PutAsync("orders", "2");
        Assert.Equal("1", await python.GetAsync("orders"));
        await using TpqDelivery delivery = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.Equal("2", delivery.Message.Json);
        Assert.NotNull(delivery.Message.EnqueuedAt);
    }
}
