using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Tpq.Internal.Overview;

namespace Tpq.Internal;

/// <summary>Tells an open page of the queues: first everything, then what has changed.</summary>
sealed class LiveEndpoint(Dashboard dashboard)
{
    /// <summary>Each open page has one of these.</summary>
    const int MostPages = 100;

    int _pages;

    public async Task WriteAsync(HttpContext context)
    {
        if (Interlocked.Increment(ref _pages) > MostPages)
        {
            Interlocked.Decrement(ref _pages);
            await Answer.ErrorAsync(context, StatusCodes.Status503ServiceUnavailable, $"There are {MostPages} open pages already.");
            return;
        }
        try
        {
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, dashboard.Stopping);
            context.Response.ContentType = "text/event-stream";
            // For proxies which would wait for more.
            context.Response.Headers["X-Accel-Buffering"] = "no";
            if (HttpMethods.IsHead(context.Request.Method))
                return;
            context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
            await SseFormatter.WriteAsync(EventsAsync(ended.Token), context.Response.Body, static (item, buffer) =>
            {
                using var writer = new Utf8JsonWriter(buffer);
                JsonSerializer.Serialize(writer, item.Data, DashboardJson.Default.LiveJson);
            }, ended.Token);
        }
        catch (OperationCanceledException)
        {
            // The page was closed, or the application stops.
        }
        finally
        {
            Interlocked.Decrement(ref _pages);
        }
    }

    async IAsyncEnumerable<SseItem<LiveJson>> EventsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Dictionary<string, QueueJson>? known = null;
        await foreach (Sample sample in dashboard.Sampler.WatchAsync(cancellationToken))
        {
            if (known is null && sample.Overview is not null)
            {
                known = sample.Rows.ToDictionary(static r => r.Name, StringComparer.Ordinal);
                yield return new SseItem<LiveJson>(All(sample), "all");
            }
            else
            {
                yield return new SseItem<LiveJson>(Changes(sample, known ?? []), known is null ? "trouble" : "changes");
            }
        }
    }

    LiveJson All(Sample sample) => new(sample.Overview?.At, sample.Rows, [], sample.Trouble)
    {
        Settings = new SettingsJson(
            dashboard.Client.Database, dashboard.AllowsWrites, (int)dashboard.Sampler.Interval.TotalMilliseconds, (int)Sampler.Window.TotalSeconds),
        History = sample.Rows.Select(row => (row.Name, History: dashboard.Sampler.HistoryOf(row.Name)))
            .Where(static h => h.History.Count > 1 && IsAlive(h.History))
            .ToDictionary(static h => h.Name, static h => ChartJson.Of(h.History)),
    };

    /// <summary>A chart of nothing but zeros need not be told.</summary>
    static bool IsAlive(IReadOnlyList<RateSample> history) => history.Any(static s => s.Ready > 0) || history[0].Puts != history[^1].Puts;

    static LiveJson Changes(Sample sample, Dictionary<string, QueueJson> known)
    {
        var changed = new List<QueueJson>();
        foreach (QueueJson row in sample.Rows)
        {
            if (known.TryGetValue(row.Name, out QueueJson? before) && before == row)
                continue;
            known[row.Name] = row;
            changed.Add(row);
        }
        string[] gone = known.Count == sample.Rows.Count ? [] : [.. known.Keys.Except(sample.Rows.Select(static r => r.Name), StringComparer.Ordinal)];
        foreach (string name in gone)
            known.Remove(name);
        return new LiveJson(sample.Overview?.At, changed, gone, sample.Trouble);
    }
}
