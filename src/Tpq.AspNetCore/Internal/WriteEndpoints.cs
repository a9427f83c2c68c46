using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Tpq.Internal;

/// <summary>What the page does, if it may. The guard has asked for the token.</summary>
sealed class WriteEndpoints(Dashboard dashboard)
{
    const int MostBytes = 4 << 20;

    /// <summary>A token for the next write. Asked for each time: one that is older may be of a server that was replaced.</summary>
    public Task TokenAsync(HttpContext context)
    {
        if (dashboard.Antiforgery is not { } antiforgery)
            return Answer.ErrorAsync(context, StatusCodes.Status403Forbidden, "This dashboard only reads.");
        var tokens = antiforgery.GetAndStoreTokens(context);
        return tokens is { RequestToken: { } token, HeaderName: { } header }
            ? Answer.JsonAsync(context, new TokenJson(token, header), DashboardJson.Default.TokenJson)
            : Answer.ErrorAsync(context, StatusCodes.Status500InternalServerError, "The application's antiforgery has no header: AntiforgeryOptions.HeaderName is null.");
    }

    public async Task PutAsync(HttpContext context)
    {
        PutRequest request = await ReadAsync(context, DashboardJson.Default.PutRequest);
        if (!(request.DelaySeconds >= 0 && request.DelaySeconds <= TimeSpan.FromDays(3650).TotalSeconds))
            throw new BadHttpRequestException("A message is delayed by 0 seconds to 3650 days.");
        long id = await dashboard.Client.Queue(request.Queue).PutAsync(new TpqPut(request.Json)
        {
            Delay = request.DelaySeconds > 0 ? TimeSpan.FromSeconds(request.DelaySeconds) : null,
            Headers = request.Headers is { Count: > 0 } headers ? headers : null,
        }, context.RequestAborted);
        await DoneAsync(context, new DoneJson(1, id.ToString(CultureInfo.InvariantCulture)));
    }

    public async Task DeleteAsync(HttpContext context)
    {
        MessageRequest request = await ReadAsync(context, DashboardJson.Default.MessageRequest);
        bool wasThere = await dashboard.Client.Queue(request.Queue).DeleteAsync(request.Id, context.RequestAborted);
        await DoneAsync(context, new DoneJson(wasThere ? 1 : 0));
    }

    public Task ClearAsync(HttpContext context) => OnQueueAsync(context, queue => queue.ClearAsync(context.RequestAborted));

    public Task PauseAsync(HttpContext context) => OnQueueAsync(context, async queue => await queue.PauseAsync(context.RequestAborted) ? 1 : 0);

    public Task ResumeAsync(HttpContext context) => OnQueueAsync(context, async queue => await queue.ResumeAsync(context.RequestAborted) ? 1 : 0);

    /// <summary>Moves messages to another queue; redriving dead letters is that.</summary>
    public async Task MoveAsync(HttpContext context)
    {
        MoveRequest request = await ReadAsync(context, DashboardJson.Default.MoveRequest);
        TpqQueue from = dashboard.Client.Queue(request.Queue), to = dashboard.Client.Queue(request.Target);
        long moved = request.Id is { } id
            ? await from.MoveOneToAsync(to, id, context.RequestAborted)
            : await from.MoveToAsync(to, request.Max, context.RequestAborted);
        await DoneAsync(context, new DoneJson(moved));
    }

    async Task OnQueueAsync(HttpContext context, Func<TpqQueue, Task<long>> change)
    {
        QueueRequest request = await ReadAsync(context, DashboardJson.Default.QueueRequest);
        await DoneAsync(context, new DoneJson(await change(dashboard.Client.Queue(request.Queue))));
    }

    async Task DoneAsync(HttpContext context, DoneJson done)
    {
        await dashboard.Sampler.RefreshAsync(context.RequestAborted);
        await Answer.JsonAsync(context, done, DashboardJson.Default.DoneJson);
    }

    static async Task<T> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
    {
        if (!context.Request.HasJsonContentType())
            throw new BadHttpRequestException("It takes JSON.", StatusCodes.Status415UnsupportedMediaType);
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = MostBytes;
        return await JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted)
            ?? throw new JsonException();
    }
}
