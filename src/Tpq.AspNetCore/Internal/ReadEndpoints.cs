using System.Globalization;
using Microsoft.AspNetCore.Http;
using Tpq.Internal.Overview;

namespace Tpq.Internal;

/// <summary>What the page asks for about one queue. No answer is larger than its limits.</summary>
sealed class ReadEndpoints(Dashboard dashboard)
{
    /// <summary>So many messages at once.</summary>
    public const int MostMessages = 100;

    /// <summary>So much of each of them.</summary>
    public const int PreviewCharacters = 300;

    /// <summary>So much of one.</summary>
    public const int MostCharacters = 1 << 20;

    /// <summary>In line behind the id <c>after</c>, at most <c>max</c>.</summary>
    public async Task MessagesAsync(HttpContext context)
    {
        int max = Math.Clamp((int)(Number(context, "max") ?? 50), 1, MostMessages);
        QueueOverview queue = await QueueAsync(context);
        List<ListedMessage> found = await Reader(queue, PreviewCharacters).ReadyAsync(Number(context, "after"), max + 1, context.RequestAborted);
        await WriteAsync(context, found, max);
    }

    /// <summary>For later or leased, by their time.</summary>
    public async Task LaterAsync(HttpContext context)
    {
        QueueOverview queue = await QueueAsync(context);
        await WriteAsync(context, await Reader(queue, PreviewCharacters).NotReadyAsync(MostMessages + 1, context.RequestAborted), MostMessages);
    }

    /// <summary>The message <c>id</c>.</summary>
    public async Task MessageAsync(HttpContext context)
    {
        long id = Number(context, "id") ?? throw new BadHttpRequestException("It takes the id of a message.");
        QueueOverview queue = await QueueAsync(context);
        if (await Reader(queue, MostCharacters).FindAsync(id, context.RequestAborted) is { } found)
            await Answer.JsonAsync(context, MessageJson.Of(found), DashboardJson.Default.MessageJson);
        else
            await Answer.ErrorAsync(context, StatusCodes.Status404NotFound, $"There is no message {id} in queue \"{queue.Name}\".");
    }

    /// <summary>In hand, and by whom.</summary>
    public async Task HeldAsync(HttpContext context)
    {
        QueueOverview queue = await QueueAsync(context);
        var (holders, messages) = await HeldReader.ReadAsync(dashboard.Client, queue.Statistics, context.RequestAborted);
        await Answer.JsonAsync(context, new HeldJson(holders, [.. messages.Select(HeldMessageJson.Of)]), DashboardJson.Default.HeldJson);
    }

    MessageReader Reader(QueueOverview queue, int characters) => new(dashboard.Client, queue.Statistics, characters);

    async Task<QueueOverview> QueueAsync(HttpContext context)
    {
        if (context.Request.Query["queue"] is not [{ Length: > 0 } name])
            throw new BadHttpRequestException("It takes the name of a queue.");
        Sample sample = await dashboard.Sampler.CurrentAsync(context.RequestAborted);
        return sample.Overview?.Find(name) ?? throw (sample.Overview is null
            ? new BadHttpRequestException(sample.Trouble!, StatusCodes.Status503ServiceUnavailable)
            : new BadHttpRequestException($"There is no queue \"{name}\" that may be read.", StatusCodes.Status404NotFound));
    }

    static Task WriteAsync(HttpContext context, List<ListedMessage> found, int max) => Answer.JsonAsync(
        context, new MessagesJson([.. found.Take(max).Select(MessageJson.Of)], found.Count > max), DashboardJson.Default.MessagesJson);

    static long? Number(HttpContext context, string name) => context.Request.Query[name] switch
    {
        [] => null,
        [var text] when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) => number,
        _ => throw new BadHttpRequestException($"\"{name}\" is not a number."),
    };
}
