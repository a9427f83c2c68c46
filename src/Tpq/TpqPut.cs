using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Tpq.Internal;

namespace Tpq;

/// <summary>A message on its way in, with everything that is optional about it.</summary>
public sealed class TpqPut
{
    readonly string? _text;
    readonly ReadOnlyMemory<byte> _utf8;

    /// <summary>A message from a JSON text. It is checked when it is put.</summary>
    public TpqPut(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        _text = json;
    }

    /// <summary>A message from a JSON text in UTF-8. It is checked when it is put; the memory must not change until then.</summary>
    public TpqPut(ReadOnlyMemory<byte> utf8Json) => _utf8 = utf8Json;

    /// <summary>A message from a value, serialized at once.</summary>
    /// <param name="value">The value; <see langword="null"/> becomes the JSON text <c>null</c>.</param>
    /// <param name="type">The type's contract from a source-generated <c>JsonSerializerContext</c>.</param>
    public static TpqPut Create<T>(T value, JsonTypeInfo<T> type) => new(JsonSerializer.SerializeToUtf8Bytes(value, type));

    /// <summary>What travels beside the payload, as a JSON object of strings in the column <c>headers</c>.</summary>
    /// <value>Default: <see langword="null"/>, nothing. A queue made by the Python tpq takes headers after <see cref="TpqQueue.UpgradeAsync"/>.</value>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    /// <summary>How long after it was put the message becomes ready, by the server's clock.</summary>
    /// <value>
    /// Default: <see langword="null"/>, at once, as with zero. Not negative, and not together with <see cref="DueAt"/>. It counts from the moment at
    /// which the statement runs, also where the transaction commits later. A queue made by the Python tpq takes it after <see cref="TpqQueue.UpgradeAsync"/>.
    /// </value>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public TimeSpan? Delay
    {
        get;
        init
        {
            if (value < TimeSpan.Zero)
                throw new ArgumentOutOfRangeException(nameof(value), value, "A delay is not negative: TimeSpan.Zero or null puts the message at once.");
            field = value;
        }
    }

    /// <summary>When the message becomes ready, by the server's clock.</summary>
    /// <value>Default: <see langword="null"/>, at once, as with a time in the past. Not together with <see cref="Delay"/>.</value>
    public DateTimeOffset? DueAt { get; init; }

    /// <summary>The payload, checked to be one JSON value.</summary>
    internal ReadOnlyMemory<byte> ToUtf8() => _text is null ? JsonText.Checked(_utf8) : JsonText.Checked(_text);

    internal CheckedPut ToChecked()
    {
        if (Delay is not null && DueAt is not null)
            throw new ArgumentException("A message has Delay or DueAt, not both.");
        return new CheckedPut(ToUtf8(), HeadersJson.Write(Headers), Delay == TimeSpan.Zero ? null : Delay, DueAt?.ToUniversalTime());
    }
}
