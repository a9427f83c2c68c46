using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Tpq.AspNetCore.Tests.Fixtures;
using Tpq.Internal;

namespace Tpq.AspNetCore.Tests;

public sealed class EndpointTests(Server server) : DashboardTest(server)
{
    [Fact]
    public async Task Events_TellEverythingFirst_ThenWhatHasChanged()
    {
        TpqQueue queue = await NewQueueAsync("orders", "1");
        // What creating a queue writes would be in its statistics, a little later.
        await ExecuteAsync($"CREATE TABLE {Schema}.tpq_idle (id bigserial PRIMARY KEY, data json NOT NULL)");
        await StartAsync();
        await using Stream stream = await Http.GetStreamAsync("api/events", Token);
        using var lines = new StreamReader(stream);
        Assert.Equal("event: all", await lines.ReadLineAsync(Token));
        JsonElement all = await DataAsync(lines);
        Assert.Equal(["idle", "orders"], all.GetProperty("queues").EnumerateArray().Select(q => q.GetProperty("name").GetString()!));
        Assert.False(all.GetProperty("settings").GetProperty("allowsWrites").GetBoolean());
        await queue.PutAsync("2", Token);
        while (true)
        {
            Assert.Equal("event: changes", await lines.ReadLineAsync(Token));
            JsonElement[] changed = [.. (await DataAsync(lines)).GetProperty("queues").EnumerateArray()];
            Assert.DoesNotContain(changed, q => q.GetProperty("name").GetString() == "idle");
            if (changed is [var row] && row.GetProperty("ready").GetInt64() == 2)
                break;
        }
    }

    [Theory]
    [InlineData("", "text/html")]
    [InlineData("main.js", "text/javascript")]
    [InlineData("api/events", "text/event-stream")]
    [InlineData("api/messages?queue=orders", "application/json")]
    [InlineData("api/doctor", "application/json")]
    public async Task Head_AnswersAsGet_WithoutABody(string path, string type)
    {
        await NewQueueAsync("orders", "1");
        await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Head, path);
        using HttpResponseMessage response = await Http.SendAsync(request, Token);
        Assert.Equal((HttpStatusCode.OK, type), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
        Assert.Empty(await response.Content.ReadAsByteArrayAsync(Token));
    }

    [Fact]
    public async Task NoPageIsOpen_NothingIsRead()
    {
        await NewQueueAsync();
        await StartAsync();
        using (var lines = new StreamReader(await Http.GetStreamAsync("api/events", Token)))
            await lines.ReadLineAsync(Token);
        // Where a page is open there are five looks in a second.
        DateTime last = DateTime.MinValue;
        for (int quiet = 0, ticks = 0; quiet < 6; ticks++)
        {
            Assert.True(ticks < 60, "It goes on looking.");
            // That nothing is asked shows only by looking for a while. A slow machine makes that longer, and not another result.
            await Task.Delay(500, Token);
            DateTime now = await LastQueryAsync();
            (quiet, last) = (now == last ? quiet + 1 : 0, now);
        }
    }

    [Fact]
    public async Task Messages_ComeInOrder_CutOff_AndPageByPage()
    {
        await NewQueueAsync("orders", "\"" + new string('x', 1000) + "\"", "2", "3");
        await StartAsync();
        JsonElement page = await GetAsync("api/messages?queue=orders&max=2");
        JsonElement[] messages = [.. page.GetProperty("messages").EnumerateArray()];
        Assert.Equal((ReadEndpoints.PreviewCharacters, 1002), (messages[0].GetProperty("data").GetString()!.Length, messages[0].GetProperty("bytes").GetInt32()));
        Assert.True(page.GetProperty("hasMore").GetBoolean());
        JsonElement next = await GetAsync($"api/messages?queue=orders&after={messages[1].GetProperty("id").GetString()}");
        Assert.Equal("3", Assert.Single(next.GetProperty("messages").EnumerateArray()).GetProperty("data").GetString());
        Assert.False(next.GetProperty("hasMore").GetBoolean());
    }

    [Fact]
    public async Task OneRequest_ReadsNoMoreThanItsLimits()
    {
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(Enumerable.Range(1, 150).Select(i => $"{i}"), Token);
        long large = await queue.PutAsync("\"" + new string('x', 2_000_000) + "\"", Token);
        await StartAsync();
        Assert.Equal(ReadEndpoints.MostMessages, (await GetAsync("api/messages?queue=orders&max=100000")).GetProperty("messages").GetArrayLength());
        JsonElement message = await GetAsync($"api/message?queue=orders&id={large}");
        Assert.Equal((ReadEndpoints.MostCharacters, 2_000_002), (message.GetProperty("data").GetString()!.Length, message.GetProperty("bytes").GetInt32()));
    }

    [Theory]
    [InlineData("api/messages", HttpStatusCode.BadRequest)]
    [InlineData("api/messages?queue=nope", HttpStatusCode.NotFound)]
    [InlineData("api/messages?queue=orders&after=x", HttpStatusCode.BadRequest)]
    [InlineData("api/message?queue=orders", HttpStatusCode.BadRequest)]
    [InlineData("api/message?queue=orders&id=77", HttpStatusCode.NotFound)]
    [InlineData("api/held?queue=%22;drop%20table", HttpStatusCode.NotFound)]
    public async Task AWrongRequest_IsToldWhatIsWrong(string path, HttpStatusCode status)
    {
        await NewQueueAsync();
        await StartAsync();
        using HttpResponseMessage response = await Http.GetAsync(path, Token);
        Assert.NotEmpty((await ReadAsync(response, status)).GetProperty("error").GetString()!);
    }

    [Fact]
    public async Task TheLargestId_IsExact()
    {
        TpqQueue queue = await NewQueueAsync("orders", "1");
        await ExecuteAsync($"UPDATE {Schema}.tpq_orders SET id = 9223372036854775807");
        await StartAsync(allowWrites: true);
        Assert.Equal("9223372036854775807", (await GetAsync("api/message?queue=orders&id=9223372036854775807")).GetProperty("id").GetString());
        Assert.Equal(1, (await PostAsync("api/delete", new { queue = "orders", id = long.MaxValue })).GetProperty("count").GetInt64());
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    [Fact]
    public async Task Put_TakesHeadersAndADelay_AndWhatIsNoJson_IsRefused()
    {
        TpqQueue queue = await NewQueueAsync();
        await StartAsync(allowWrites: true);
        JsonElement done = await PostAsync("api/put", new { queue = "orders", json = "{\"a\" : 1}", headers = new { x = "y" } });
        TpqPeeked peeked = Assert.Single(await queue.PeekAsync(9, Token));
        Assert.Equal((done.GetProperty("id").GetString(), "{\"a\" : 1}", "y"), ($"{peeked.Message.Id}", peeked.Message.Json, peeked.Message.Headers["x"]));
        await PostAsync("api/put", new { queue = "orders", json = "1", delaySeconds = 60.0 });
        Assert.Single((await GetAsync("api/later?queue=orders")).GetProperty("messages").EnumerateArray());
        await PostAsync("api/put", new { queue = "orders", json = "{" }, HttpStatusCode.BadRequest);
        await PostAsync("api/put", new { queue = "orders", json = "1", delaySeconds = -1.0 }, HttpStatusCode.BadRequest);
        await PostAsync("api/put", new { queue = "orders", json = "1", other = 1 }, HttpStatusCode.BadRequest);
        await PostAsync("api/put", new { queue = "orders" }, HttpStatusCode.BadRequest);
        await PostAsync("api/put", new { queue = "nope", json = "1" }, HttpStatusCode.NotFound);
        await PostAsync("api/put", new { queue = "orders", json = "\"" + new string('x', 5 << 20) + "\"" }, HttpStatusCode.RequestEntityTooLarge);
    }

    [Fact]
    public async Task AMessageInHand_IsNeitherDeletedNorMoved()
    {
        TpqQueue queue = await NewQueueAsync("orders", "1");
        await NewQueueAsync("other");
        await StartAsync(allowWrites: true);
        await using TpqDelivery held = (await queue.GetAsync(cancellationToken: Token))!;
        Assert.Equal(0, (await PostAsync("api/delete", new { queue = "orders", id = held.Message.Id })).GetProperty("count").GetInt64());
        Assert.Equal(0, (await PostAsync("api/move", new { queue = "orders", target = "other", id = held.Message.Id })).GetProperty("count").GetInt64());
        Assert.Equal(0, (await PostAsync("api/move", new { queue = "orders", target = "other" })).GetProperty("count").GetInt64());
        await PostAsync("api/move", new { queue = "orders", target = "orders" }, HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task WhatKeepsAQueueFromBeingRead_IsTold()
    {
        await NewQueueAsync("orders", "1");
        await StartAsync();
        await GetAsync("api/messages?queue=orders");
        await using NpgsqlConnection connection = await Server.Admin.OpenConnectionAsync(Token);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(Token);
        await using (var command = new NpgsqlCommand($"LOCK TABLE {Schema}.tpq_orders IN ACCESS EXCLUSIVE MODE", connection))
            await command.ExecuteNonQueryAsync(Token);
        using HttpResponseMessage response = await Http.GetAsync("api/messages?queue=orders", Token);
        Assert.Contains("the queue is locked", (await ReadAsync(response, HttpStatusCode.ServiceUnavailable)).GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AWriteToAServerThatOnlyReads_IsTold()
    {
        await NewQueueAsync();
        await using var client = new TpqClient(
            $"{ConnectionUrl.Parse(Server.Url, "TPQ_TEST_URL").ConnectionString};Options=-c default_transaction_read_only=on", new TpqClientOptions { Schema = Schema });
        await StartAsync(allowWrites: true, client: client);
        JsonElement answer = await PostAsync("api/put", new { queue = "orders", json = "1" }, HttpStatusCode.Conflict);
        Assert.Contains("only reads", answer.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WithoutAClient_OrWithoutAntiforgery_ItSaysWhatIsMissing()
    {
        await using WebApplication app = Empty();
        Assert.Contains("AddTpq", Assert.Throws<InvalidOperationException>(() => app.MapTpqDashboard()).Message, StringComparison.Ordinal);
        Assert.Contains("AddAntiforgery", Assert.Throws<InvalidOperationException>(
            () => app.MapTpqDashboard(configure: o => (o.Client, o.AllowWrites) = (Client, true))).Message, StringComparison.Ordinal);

        static WebApplication Empty()
        {
            WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
            builder.WebHost.UseKestrelCore();
            builder.Services.AddRoutingCore();
            return builder.Build();
        }
    }

    [Fact]
    public async Task TheClientOfTheServices_IsUsed()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.Services.AddRoutingCore();
        builder.Services.AddTpq(Server.Url);
        await using WebApplication app = builder.Build();
        Assert.NotNull(app.MapTpqDashboard("/queues"));
    }

    [Fact]
    public void TheInterval_HasBounds()
    {
        var options = new TpqDashboardOptions();
        Assert.Equal(TimeSpan.FromSeconds(2), options.RefreshInterval);
        Assert.Throws<ArgumentOutOfRangeException>(() => options.RefreshInterval = TimeSpan.FromMilliseconds(199));
        Assert.Throws<ArgumentOutOfRangeException>(() => options.RefreshInterval = TimeSpan.FromHours(1.1));
    }

    async Task<DateTime> LastQueryAsync()
    {
        await using var command = Server.Admin.CreateCommand($"SELECT max(query_start) FROM pg_stat_activity WHERE application_name = '{Schema}'");
        return (DateTime)(await command.ExecuteScalarAsync(Token))!;
    }

    static async Task<JsonElement> DataAsync(StreamReader lines)
    {
        string data = (await lines.ReadLineAsync(Token))!;
        Assert.Equal("", await lines.ReadLineAsync(Token));
        return JsonDocument.Parse(data["data: ".Length..]).RootElement;
    }
}
