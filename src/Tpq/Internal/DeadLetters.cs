using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// The dead letter queue of a queue: an ordinary queue beside it, made when the first message dies. What lies there starts afresh, and carries in its headers
/// where it came from and why.
/// </summary>
static class DeadLetters
{
    public const string Suffix = "_dead";

    /// <summary>The header with the time of death. It goes when the message fails anew: what it tells then is of this life.</summary>
    public const string DiedAt = "tpq-died-at";

    /// <summary>An error is told in at most so many characters.</summary>
    const int LongestError = 4000;

    static readonly string[] Names = ["tpq-queue", "tpq-id", "tpq-attempts", "tpq-error", DiedAt];

    /// <summary>Makes sure that there is a dead letter queue for what lies in the queue that <paramref name="connection"/> has in hand.</summary>
    /// <exception cref="TpqException">There is none and there can be none.</exception>
    public static async Task<QueueState> QueueAsync(TpqClient client, NpgsqlConnection connection, QueueState queue, CancellationToken cancellationToken)
    {
        string name = queue.Name.Queue + Suffix;
        if (queue.Name.Queue.EndsWith(Suffix, StringComparison.Ordinal))
            throw new TpqException($"Queue \"{queue.Name.Queue}\" is a dead letter queue: its messages do not die a second time.");
        QueueState dead;
        try
        {
            dead = client.State(name);
        }
        catch (ArgumentException e)
        {
            throw new TpqException($"Queue \"{queue.Name.Queue}\" cannot have a dead letter queue: {e.Message}", e);
        }
        if (!queue.HasDeadLetters && !await ExistsAsync(connection, dead, cancellationToken).ConfigureAwait(false))
            await CreateAsync(client, queue, dead, cancellationToken).ConfigureAwait(false);
        queue.HasDeadLetters = true;
        return dead;
    }

    /// <summary>What an error of the put into the dead letter queue means, where tpq knows more than the server.</summary>
    public static void ThrowTranslated(PostgresException error, QueueState queue, QueueState dead, string? database)
    {
        // Somebody may have dropped it: the next one that dies creates it.
        if (Fault.IsMissingTable(error))
            queue.HasDeadLetters = false;
        Fault.ThrowTranslated(error, dead, database);
    }

    /// <summary>
    /// The headers of a dead letter, as JSON text up to the value of the last one, the time of death, which the server adds by its clock.
    /// </summary>
    public static string BeginHeaders(QueueState queue, TpqMessage message, int attempts, string error)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            HeadersJson.CopyTo(writer, message.Utf8Headers, except: Names);
            writer.WriteString("tpq-queue", queue.Name.Queue);
            writer.WriteString("tpq-id", message.Id.ToString(CultureInfo.InvariantCulture));
            writer.WriteString("tpq-attempts", attempts.ToString(CultureInfo.InvariantCulture));
            writer.WriteString("tpq-error", Told(error));
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan) + $",\"{DiedAt}\":";
    }

    /// <summary>The headers of a message that is to be tried again, with the last error among them.</summary>
    public static byte[]? WithError(byte[]? headers, string? error)
    {
        if (error is null)
            return headers;
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            HeadersJson.CopyTo(writer, headers, except: ["tpq-error", DiedAt]);
            writer.WriteString("tpq-error", Told(error));
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Without what PostgreSQL can store in no text: whoever reads headers in SQL would meet an error.</summary>
    static string Told(string error)
    {
        string told = error.Replace('\0', '\uFFFD');
        if (told.Length <= LongestError)
            return told;
        int end = char.IsHighSurrogate(told[LongestError - 1]) ? LongestError - 1 : LongestError;
        return told[..end] + "…";
    }

    static async Task<bool> ExistsAsync(NpgsqlConnection connection, QueueState dead, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(dead.Sql.Exists, connection);
        await using var _ = command.ConfigureAwait(false);
        return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is true;
    }

    /// <summary>Over another connection, since making tables takes locks that are not to be held with a message.</summary>
    static async Task CreateAsync(TpqClient client, QueueState queue, QueueState dead, CancellationToken cancellationToken)
    {
        string wayOut = $"Queue \"{dead.Name.Queue}\", to which the messages of queue \"{queue.Name.Queue}\" go that cannot be handled, is not there and "
            + $"cannot be created now. Create it: CreateAsync (or: tpq create {dead.Name.Queue}).";
        if (client.MaxPoolSize == 1)
            throw new TpqException($"{wayOut} The pool's only connection holds the message.");
        try
        {
            await new SchemaChange(client, dead.Name).CreateBesideAsync(queue.Name, cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException e) when (!Fault.IsConnectionLoss(e))
        {
            throw new TpqException($"{wayOut} The server said: {e.MessageText}", e);
        }
    }
}
