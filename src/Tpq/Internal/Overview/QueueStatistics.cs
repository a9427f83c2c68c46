using Npgsql;

namespace Tpq.Internal.Overview;

/// <summary>What the server knows of a queue without a look into its tables.</summary>
/// <param name="Name">The queue.</param>
/// <param name="Columns">What columns the table has: one of the Python tpq's lacks some.</param>
/// <param name="HasLater">Whether there is a companion that the role may read.</param>
/// <param name="Live">How many rows there are, as the statistics have it.</param>
/// <param name="After">Behind which id a look is to begin, so that it does not walk a great many dead rows; null for the front.</param>
/// <param name="LaterLive">How many rows the companion has, as the statistics have it.</param>
/// <param name="IsLaterBloated">Whether a look into the companion from its front would walk a great many dead rows.</param>
/// <param name="Puts">Rows inserted.</param>
/// <param name="Takes">Rows deleted.</param>
/// <param name="LaterChanges">Rows of the companion inserted, changed or deleted.</param>
/// <param name="Holders">How many transactions lock rows of the queue, or have tried to.</param>
/// <param name="IsAwaited">Whether a consumer sleeps at the queue's door.</param>
sealed record QueueStatistics(
    QueueName Name, string[] Columns, bool HasLater, long Live, long? After, long LaterLive, bool IsLaterBloated, long Puts, long Takes, long LaterChanges,
    int Holders, bool IsAwaited)
{
    public bool HasEnqueuedAt => Columns.Contains("enqueued_at");

    /// <summary>Whether nothing has happened between the two, as far as the statistics tell.</summary>
    public bool IsUnchangedSince(QueueStatistics earlier) =>
        (Puts, Takes, LaterChanges, Holders, Live) == (earlier.Puts, earlier.Takes, earlier.LaterChanges, earlier.Holders, earlier.Live);

    public static QueueStatistics Read(NpgsqlDataReader row, TpqClient client) => new(
        QueueName.Create(row.GetString(0), client.TablePrefix, client.Schema).In(row.GetString(1)),
        row.GetFieldValue<string[]>(2), row.GetBoolean(3), row.GetInt64(4), row.IsDBNull(5) ? null : row.GetInt64(5), row.GetInt64(6), row.GetBoolean(7),
        row.GetInt64(8), row.GetInt64(9), row.GetInt64(10), row.GetInt32(11), row.GetBoolean(12));
}
