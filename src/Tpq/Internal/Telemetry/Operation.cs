using System.Diagnostics;
using Npgsql;

namespace Tpq.Internal.Telemetry;

/// <summary>One operation upon a queue, as a span and a measurement. It has failed unless it is said to have succeeded.</summary>
/// <remarks>There is one only where somebody listens: all methods are called by <c>?.</c>.</remarks>
sealed class Operation : IDisposable
{
    const string Send = "send", Receive = "receive", Process = "process", Settle = "settle";

    readonly QueueState _queue;
    readonly string _type, _name;
    readonly long _began;
    readonly Activity? _span;
    long _messages;
    string? _error = "_OTHER";

    Operation(QueueState queue, string type, string name, long messages, Activity? span, long? began = null)
    {
        (_queue, _type, _name, _messages, _span, _began) = (queue, type, name, messages, span, began ?? Stopwatch.GetTimestamp());
        if (span is not { IsAllDataRequested: true })
            return;
        span.SetTag("messaging.system", "tpq").SetTag("messaging.operation.type", type).SetTag("messaging.operation.name", name)
            .SetTag("messaging.destination.name", queue.Name.Queue).SetTag(ServerAddress.HostTag, queue.Server.Host).SetTag(ServerAddress.PortTag, queue.Server.Port);
    }

    /// <summary>What travels with what is put: the span of the put, else the caller's. Null where there is none.</summary>
    public string? TraceParent => Carried is { IdFormat: ActivityIdFormat.W3C } carried ? carried.Id : null;

    public string? TraceState => Carried?.TraceStateString;

    Activity? Carried => _span ?? (Instruments.Source.HasListeners() ? Activity.Current : null);

    /// <summary>Puts messages. Null where nobody listens.</summary>
    public static Operation? BeginSend(QueueState queue) => Instruments.AreHeard
        ? new Operation(queue, Send, "put", 1, Start(queue, Send, ActivityKind.Producer, parent: default, links: null))
        : null;

    /// <summary>Ends a delivery: by <c>commit</c>, <c>complete</c>, <c>retry</c> or <c>dead_letter</c>. Null where nobody listens.</summary>
    public static Operation? BeginSettle(QueueState queue, string name, IReadOnlyList<TpqMessage> messages)
    {
        if (!Instruments.AreHeard)
            return null;
        var settle = new Operation(queue, Settle, name, messages.Count, Start(queue, Settle, ActivityKind.Client, parent: default, Links(messages)));
        settle.Describe(messages);
        return settle;
    }

    /// <summary>
    /// Has messages handled. One message's span is a child of the span that put it, so that they are one trace; a batch's has links to all of them. Null where nobody listens.
    /// </summary>
    public static Operation? BeginProcess(QueueState queue, IReadOnlyList<TpqMessage> messages)
    {
        if (!Instruments.AreHeard)
            return null;
        // A consumer runs for ever in the flow of whoever started it, whose span is none of the message's.
        if (Instruments.Source.HasListeners())
            Activity.Current = null;
        ActivityContext parent = messages is [var message] ? TraceContext.Of(message) : default;
        Activity? span = Start(queue, Process, ActivityKind.Consumer, parent, messages.Count > 1 ? Links(messages) : null);
        var process = new Operation(queue, Process, Process, messages.Count, span);
        process.Describe(messages);
        Instruments.Consumed.Add(messages.Count, process.Tags());
        return process;
    }

    /// <inheritdoc cref="BeginProcess(QueueState, IReadOnlyList{TpqMessage})"/>
    public static Operation? BeginProcess(QueueState queue, TpqMessage message) => Instruments.AreHeard ? BeginProcess(queue, [message]) : null;

    /// <summary>Notes that messages were taken: by <c>get</c> or <c>lease</c>.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="name">How.</param>
    /// <param name="began">When the look began, as a timestamp of <see cref="Stopwatch"/>.</param>
    /// <param name="messages">What was taken. Of nothing there is nothing to tell.</param>
    public static void Received(QueueState queue, string name, long began, IReadOnlyList<TpqMessage> messages)
    {
        if (!Instruments.AreHeard)
            return;
        Activity? span = Start(queue, Receive, ActivityKind.Client, parent: default, Links(messages), DateTimeOffset.UtcNow - Stopwatch.GetElapsedTime(began));
        using var receive = new Operation(queue, Receive, name, messages.Count, span, began);
        receive.Describe(messages);
        receive.Succeeded();
        Instruments.Consumed.Add(messages.Count, receive.Tags());
    }

    /// <inheritdoc cref="Received(QueueState, string, long, IReadOnlyList{TpqMessage})"/>
    public static void Received(QueueState queue, string name, long began, TpqMessage message)
    {
        if (Instruments.AreHeard)
            Received(queue, name, began, [message]);
    }

    /// <param name="messages">How many there were, where it was not known before.</param>
    /// <param name="id">The only message's id.</param>
    public void Succeeded(long? messages = null, long? id = null)
    {
        _error = null;
        if (messages is { } count)
        {
            _messages = count;
            _span?.SetTag("messaging.batch.message_count", count);
        }
        if (id is not null)
            _span?.SetTag("messaging.message.id", id);
    }

    /// <summary>What went wrong, by its kind: the text may have what is nobody's business.</summary>
    public void Failed(Exception error) => _error = error is PostgresException server ? server.SqlState : error.GetType().FullName;

    public void Dispose()
    {
        TagList tags = Tags();
        if (_type == Process)
            Instruments.ProcessDuration.Record(Stopwatch.GetElapsedTime(_began).TotalSeconds, tags);
        else
            Instruments.OperationDuration.Record(Stopwatch.GetElapsedTime(_began).TotalSeconds, [.. tags, new("messaging.operation.type", _type)]);
        if (_type == Send)
            Instruments.Sent.Add(_messages, tags);
        if (_error is null && _name == "retry")
            Instruments.Retries.Add(_messages, tags);
        if (_error is null && _name == "dead_letter")
            Instruments.DeadLetters.Add(_messages, tags);
        if (_error is not null)
            _span?.SetTag("error.type", _error).SetStatus(ActivityStatusCode.Error);
        _span?.Dispose();
    }

    void Describe(IReadOnlyList<TpqMessage> messages)
    {
        if (_span is not { IsAllDataRequested: true })
            return;
        if (messages is [var message])
            _span.SetTag("messaging.message.id", message.Id).SetTag("messaging.message.body.size", message.Utf8Json.Length);
        else
            _span.SetTag("messaging.batch.message_count", messages.Count);
    }

    TagList Tags()
    {
        var tags = new TagList
        {
            { "messaging.system", "tpq" }, { "messaging.operation.name", _name }, { "messaging.destination.name", _queue.Name.Queue },
        };
        if (_error is not null)
            tags.Add("error.type", _error);
        return tags.With(_queue.Server);
    }

    static Activity? Start(QueueState queue, string type, ActivityKind kind, ActivityContext parent, IEnumerable<ActivityLink>? links, DateTimeOffset start = default) =>
        Instruments.Source.HasListeners() ? Instruments.Source.StartActivity($"{type} {queue.Name.Queue}", kind, parent, tags: null, links, start) : null;

    static IEnumerable<ActivityLink> Links(IReadOnlyList<TpqMessage> messages) =>
        messages.Select(TraceContext.Of).Where(static c => c != default).Distinct().Select(static c => new ActivityLink(c));
}
