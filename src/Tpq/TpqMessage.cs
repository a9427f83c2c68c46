using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Tpq.Internal;

namespace Tpq;

/// <summary>A message as it is stored. Immutable; its memory is its own, so it stays valid after the delivery is settled.</summary>
public sealed class TpqMessage
{
    /// <summary>Creates a message, for tests of handlers.</summary>
    /// <param name="queue">The queue's name.</param>
    /// <param name="id">The message's id.</param>
    /// <param name="utf8Json">The payload, which is not checked.</param>
    public TpqMessage(string queue, long id, ReadOnlyMemory<byte> utf8Json)
    {
        ArgumentNullException.ThrowIfNull(queue);
        Queue = queue;
        Id = id;
        Utf8Json = utf8Json;
    }

    /// <summary>The queue it came from, without the table prefix.</summary>
    public string Queue { get; }

    /// <summary>The id that the put returned: unique within its queue.</summary>
    public long Id { get; }

    /// <summary>The payload, byte for byte as it was put.</summary>
    public ReadOnlyMemory<byte> Utf8Json { get; }

    /// <summary>The payload as a string, made at the first call.</summary>
    public string Json => field ??= Encoding.UTF8.GetString(Utf8Json.Span);

    /// <summary>How many deliveries of this message failed before this one: 0 at the first.</summary>
    public int Attempts { get; init; }

    /// <summary>
    /// When it was put, by the server's clock (the start of the putting transaction); <see langword="null"/> when the queue's table has no
    /// such column (one made by the Python tpq). What somebody wrote there beyond the years that .NET has is <see cref="DateTimeOffset.MinValue"/> or
    /// <see cref="DateTimeOffset.MaxValue"/>.
    /// </summary>
    public DateTimeOffset? EnqueuedAt { get; init; }

    /// <summary>What was put beside the payload. Empty when there is nothing; never <see langword="null"/>.</summary>
    public IReadOnlyDictionary<string, string> Headers
    {
        get => field ??= Utf8Headers is { } headers ? HeadersJson.Read(headers) : HeadersJson.None;
        init;
    }

    /// <summary>The headers as they are stored, with what is no text; null for none.</summary>
    internal byte[]? Utf8Headers { get; init; }

    /// <summary>See <see cref="Suspects"/>.</summary>
    internal bool IsSuspect { get; init; }

    /// <summary>What <see cref="Deserialize"/> threw last: an error that no retry mends.</summary>
    internal Exception? DeserializeError { get; set; }

    internal TpqMessage With(int attempts) =>
        new(Queue, Id, Utf8Json) { Attempts = attempts, EnqueuedAt = EnqueuedAt, Utf8Headers = Utf8Headers, DeserializeError = DeserializeError };

    /// <summary>Reads the payload as a <typeparamref name="T"/>.</summary>
    /// <param name="type">The type's contract from a source-generated <c>JsonSerializerContext</c>.</param>
    /// <returns>The value; <see langword="null"/> for the JSON text <c>null</c>.</returns>
    /// <exception cref="JsonException">
    /// The payload does not fit the type. A handler that lets it out has its message dead-lettered at once: no retry mends it.
    /// </exception>
    /// <exception cref="NotSupportedException">The payload does not say which of several types it is, or the type cannot be read at all. As above.</exception>
    public T? Deserialize<T>(JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(Utf8Json.Span, type);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            DeserializeError = e;
            throw;
        }
    }
}
