using Npgsql;
using NpgsqlTypes;
using Tpq.Internal.Telemetry;

namespace Tpq.Internal;

/// <summary>
/// Ends a message in hand in another way than by removing it: what its handler wrote is undone and the message moved, in one transaction.
/// </summary>
/// <remarks>
/// The taking statement has deleted the row, so it is put back from what was read: the delete of a row and its insert under the same id, in one
/// transaction, are an update that may change the table. The handler's writes are undone to the savepoint that stands before them, and with them
/// the error of a statement that had failed.
/// </remarks>
static class Settlement
{
    /// <summary>Counts a failed delivery, and has the message delivered again after a pause.</summary>
    public static Task RetryAsync(
        OwnTransaction held, QueueState queue, TpqMessage message, TimeSpan delay, string? error, CancellationToken cancellationToken) =>
        SettleAsync(queue, held, "retry", message, () =>
        {
            NpgsqlBatchCommand put = Row(queue.Sql.PutBackLater, message, message.Attempts + 1, DeadLetters.WithError(message.Utf8Headers, error));
            put.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = delay });
            return held.EndAsync([put], cancellationToken);
        });

    /// <summary>Makes a dead letter of it, which says after how many failed deliveries.</summary>
    public static Task DeadLetterAsync(
        OwnTransaction held, QueueState queue, TpqMessage message, int attempts, string error, CancellationToken cancellationToken) =>
        SettleAsync(queue, held, "dead_letter", message, async () =>
        {
            await held.UndoHandlerAsync(cancellationToken).ConfigureAwait(false);
            QueueState dead = await DeadLetters.QueueAsync(held.Client, held.Connection, queue, cancellationToken).ConfigureAwait(false);
            var put = new NpgsqlBatchCommand(dead.Sql.PutDead);
            put.Parameters.Add(Json(message.Utf8Json));
            put.Parameters.Add(new NpgsqlParameter<string> { TypedValue = DeadLetters.BeginHeaders(queue, message, attempts, error) });
            put.Parameters.Add(PutAt(message));
            try
            {
                await held.EndAsync([put], cancellationToken).ConfigureAwait(false);
            }
            catch (PostgresException e)
            {
                DeadLetters.ThrowTranslated(e, queue, dead, held.Client.Database);
                throw;
            }
        });

    /// <summary>Puts the message back at its old place, at once, and wakes nobody.</summary>
    public static Task PutBackAsync(OwnTransaction held, QueueState queue, TpqMessage message, int attempts, CancellationToken cancellationToken) =>
        held.EndAsync([new NpgsqlBatchCommand(Sql.BeQuiet), Row(queue.Sql.PutBack, message, attempts, message.Utf8Headers)], cancellationToken);

    static NpgsqlBatchCommand Row(string sql, TpqMessage message, int attempts, byte[]? headers)
    {
        var put = new NpgsqlBatchCommand(sql);
        put.Parameters.Add(new NpgsqlParameter<long> { TypedValue = message.Id });
        put.Parameters.Add(Json(message.Utf8Json));
        put.Parameters.Add(PutAt(message));
        put.Parameters.Add(new NpgsqlParameter<int> { TypedValue = attempts });
        put.Parameters.Add(headers is null ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Json } : Json(headers));
        return put;
    }

    static NpgsqlParameter<ReadOnlyMemory<byte>> Json(ReadOnlyMemory<byte> utf8) => new() { TypedValue = utf8, NpgsqlDbType = NpgsqlDbType.Json };

    static NpgsqlParameter PutAt(TpqMessage message) =>
        new() { Value = message.EnqueuedAt is { } time ? time : DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz };

    static async Task SettleAsync(QueueState queue, OwnTransaction held, string name, TpqMessage message, Func<Task> settle)
    {
        using Operation? operation = Operation.BeginSettle(queue, name, [message]);
        try
        {
            await settle().ConfigureAwait(false);
            operation?.Succeeded();
        }
        catch (Exception e)
        {
            operation?.Failed(e);
            Fault.ThrowTranslated(e, queue, held.Client.Database);
            throw;
        }
    }
}
