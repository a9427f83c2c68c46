using Microsoft.Extensions.Logging;

namespace Tpq.Internal;

/// <summary>All that is logged. Never a payload, a password or a connection string. Events: 1000 client, 1100 queue, 1200 consumer, 1300 schema.</summary>
static partial class Log
{
    [LoggerMessage(1000, LogLevel.Debug, "Read database config from environment")]
    public static partial void ReadEnvironment(this ILogger logger);

    [LoggerMessage(1001, LogLevel.Debug, "Parsing {Variable}")]
    public static partial void Parsing(this ILogger logger, string variable);

    [LoggerMessage(1002, LogLevel.Debug, "Database config found: host {Host}, database {Database}, user {User}")]
    public static partial void ConfigFound(this ILogger logger, string? host, string? database, string? user);

    [LoggerMessage(1010, LogLevel.Debug, "Listening on channel {Channel}")]
    public static partial void Listening(this ILogger logger, string channel);

    [LoggerMessage(EventId = 1011, Message = "The listening connection was lost; waiting consumers look once a second until it is back")]
    public static partial void ListenerLost(this ILogger logger, LogLevel level, Exception exception);

    [LoggerMessage(1014, LogLevel.Warning, "A look for messages of queue {Queue} failed, and is made again until the wait is over")]
    public static partial void LookFailed(this ILogger logger, Exception exception, string queue);

    [LoggerMessage(1015, LogLevel.Warning, "All {MaxPoolSize} connections of the pool are in use: whoever waits for queue {Queue} waits for one of them. Raise Maximum Pool Size, or have fewer consumers")]
    public static partial void PoolExhausted(this ILogger logger, string queue, int maxPoolSize);

    [LoggerMessage(1013, LogLevel.Warning, "Notifications do not reach this client: there is a pooler in transaction mode in between. Waiting consumers look once a second, and statements are not prepared. Connect to the server itself, or to the pooler in session mode")]
    public static partial void ListenerInVain(this ILogger logger);

    [LoggerMessage(1012, LogLevel.Warning, "The connection was lost while waiting for queue {Queue}; trying again until the wait is over")]
    public static partial void ConnectionLost(this ILogger logger, Exception exception, string queue);

    [LoggerMessage(1100, LogLevel.Debug, "Attempting to write item to queue {Queue}")]
    public static partial void Writing(this ILogger logger, string queue);

    [LoggerMessage(1101, LogLevel.Debug, "Item written, returning: id {Id}, queue {Queue}")]
    public static partial void Written(this ILogger logger, long id, string queue);

    [LoggerMessage(1102, LogLevel.Debug, "Attempting to read item from queue {Queue}")]
    public static partial void Reading(this ILogger logger, string queue);

    [LoggerMessage(1103, LogLevel.Debug, "Item read, returning: id {Id}, queue {Queue}")]
    public static partial void Read(this ILogger logger, long id, string queue);

    [LoggerMessage(1104, LogLevel.Debug, "Item written, returning: {Count} in all, queue {Queue}")]
    public static partial void WrittenMany(this ILogger logger, long count, string queue);

    [LoggerMessage(1105, LogLevel.Warning, "Could not ask which messages of queue {Queue} are due; those that are ready are consumed, and it will be asked again")]
    public static partial void LaterFailed(this ILogger logger, Exception exception, string queue);

    [LoggerMessage(1106, LogLevel.Warning, "Message {Id} is due, but the table of queue {Queue} refuses it: it is tried again each minute, as others that are refused")]
    public static partial void DueRefused(this ILogger logger, Exception exception, long id, string queue);

    [LoggerMessage(1200, LogLevel.Information, "Consuming queue {Queue}")]
    public static partial void ConsumerStarted(this ILogger logger, string queue);

    [LoggerMessage(1201, LogLevel.Information, "Stopped consuming queue {Queue}")]
    public static partial void ConsumerStopped(this ILogger logger, string queue);

    [LoggerMessage(1202, LogLevel.Error, "The handler of queue {Queue} failed with message {Id}, attempt {Attempt} of {MaxAttempts}; it is tried again in {Delay}")]
    public static partial void HandlerFailed(this ILogger logger, Exception exception, string queue, long id, int attempt, int maxAttempts, TimeSpan delay);

    [LoggerMessage(1205, LogLevel.Error, "Message {Id} of queue {Queue} failed {Attempts} times and is moved to queue {Dead}")]
    public static partial void Died(this ILogger logger, Exception? exception, string queue, long id, int attempts, string dead);

    [LoggerMessage(1206, LogLevel.Error, "Message {Id} of queue {Queue} cannot be moved to a dead letter queue; it is kept in the queue, and that is tried again later")]
    public static partial void CannotDie(this ILogger logger, Exception exception, string queue, long id);

    [LoggerMessage(1207, LogLevel.Error, "The handler of queue {Queue} failed with message {Id} ({Reason}), which is given back uncounted, because it cannot be kept for later; going on in {Pause}")]
    public static partial void NotSettled(this ILogger logger, Exception exception, string queue, long id, string reason, TimeSpan pause);

    [LoggerMessage(1208, LogLevel.Error, "The handler of queue {Queue} failed after message {Id} was settled")]
    public static partial void FailedWhenSettled(this ILogger logger, Exception exception, string queue, long id);

    [LoggerMessage(EventId = 1209, Message = "The connection was lost with message {Id} of queue {Queue} in hand, which is back; going on in {Pause}")]
    public static partial void LostInHand(this ILogger logger, LogLevel level, Exception exception, string queue, long id, TimeSpan pause);

    [LoggerMessage(1210, LogLevel.Warning, "The leases of queue {Queue} could not be renewed; it is tried again until they run out")]
    public static partial void NotRenewed(this ILogger logger, Exception exception, string queue);

    [LoggerMessage(1211, LogLevel.Warning, "The lease of message {Id} of queue {Queue} was lost while it was handled; it is delivered again")]
    public static partial void LeaseLost(this ILogger logger, string queue, long id);

    [LoggerMessage(1212, LogLevel.Information, "Somebody has {Done} queue {Queue}")]
    public static partial void PausedOrResumed(this ILogger logger, string done, string queue);

    [LoggerMessage(1213, LogLevel.Error, "The handler of queue {Queue} failed with a batch, messages {First} to {Last}; it is undone, and the {Count} messages are handled one by one")]
    public static partial void BatchFailed(this ILogger logger, Exception exception, string queue, long first, long last, int count);

    [LoggerMessage(1204, LogLevel.Error, "The handler of queue {Queue} ended message {Id} without removing it, so it is back; going on in {Pause}")]
    public static partial void HandlerGaveBack(this ILogger logger, string queue, long id, TimeSpan pause);

    [LoggerMessage(1203, LogLevel.Warning, "{Consumers} consumers each hold a connection, and one listens, but the pool has only {MaxPoolSize}: some will wait for others")]
    public static partial void PoolTooSmall(this ILogger logger, int consumers, int maxPoolSize);

    [LoggerMessage(1300, LogLevel.Information, "Created queue {Queue}")]
    public static partial void Created(this ILogger logger, string queue);

    [LoggerMessage(1301, LogLevel.Information, "Upgraded queue {Queue}: {Steps}")]
    public static partial void Upgraded(this ILogger logger, string queue, string steps);

    [LoggerMessage(1302, LogLevel.Information, "Dropped queue {Queue}")]
    public static partial void Dropped(this ILogger logger, string queue);

    [LoggerMessage(1303, LogLevel.Debug, "The schema of queue {Queue} could not be changed yet, because its table is in use; trying again")]
    public static partial void SchemaBusy(this ILogger logger, string queue);
}
