using Microsoft.Extensions.Logging;

namespace Tpq.Internal;

/// <summary>What is logged here, beside what the client logs. Events: 1400.</summary>
static partial class HostingLog
{
    [LoggerMessage(1400, LogLevel.Error, "Queue {Queue} is to be consumed and does not exist. AddQueue with create: true creates it when the host starts; so do CreateAsync, and the command tpq create")]
    public static partial void QueueMissing(this ILogger logger, string queue);

    [LoggerMessage(1401, LogLevel.Error, "Message {Id} of queue {Queue} is null, where its handler takes a {Type}; it is moved to the dead letter queue")]
    public static partial void NullPayload(this ILogger logger, long id, string queue, Type type);

    [LoggerMessage(1402, LogLevel.Error, "The host cannot start, because the server refuses it queue {Queue}: {Reason}")]
    public static partial void QueueRefused(this ILogger logger, string queue, string reason);
}
