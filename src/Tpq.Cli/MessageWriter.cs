using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tpq.Cli;

/// <summary>Messages as bytes, each ended by a line break.</summary>
static class MessageWriter
{
    const string Timestamp = "yyyy-MM-ddTHH:mm:ss.ffffffZ";

    /// <summary>For output that no browser reads: names stay legible.</summary>
    public static readonly JsonWriterOptions JsonOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    public static ReadOnlyMemory<byte> Write(TpqMessage message, MessageFormat format) => format switch
    {
        MessageFormat.Raw => (byte[])[.. message.Utf8Json.Span, (byte)'\n'],
        MessageFormat.Envelope => Envelope(message),
        _ => (byte[])[.. OneLine(message.Utf8Json.Span), (byte)'\n'],
    };

    /// <summary>The members of an envelope, into an object that has been begun.</summary>
    public static void WriteMembers(Utf8JsonWriter json, TpqMessage message)
    {
        json.WriteString("queue", message.Queue);
        json.WriteNumber("id", message.Id);
        json.WriteNumber("attempts", message.Attempts);
        WriteTime(json, "enqueued_at", message.EnqueuedAt);
        json.WriteStartObject("headers");
        foreach ((string name, string value) in message.Headers)
            json.WriteString(name, value);
        json.WriteEndObject();
        json.WritePropertyName("data");
        json.WriteRawValue(OneLine(message.Utf8Json.Span), skipInputValidation: true);
    }

    public static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset? time)
    {
        if (time is { } known)
            json.WriteString(name, known.UtcDateTime.ToString(Timestamp, System.Globalization.CultureInfo.InvariantCulture));
        else
            json.WriteNull(name);
    }

    /// <summary>The JSON text on one line. A string has no raw line break in it, and no two tokens are held apart by one alone.</summary>
    public static ReadOnlySpan<byte> OneLine(ReadOnlySpan<byte> json)
    {
        if (json.IndexOfAny((byte)'\n', (byte)'\r') < 0)
            return json;
        byte[] line = new byte[json.Length];
        int length = 0;
        foreach (byte b in json)
        {
            if (b is not ((byte)'\n' or (byte)'\r'))
                line[length++] = b;
        }
        return line.AsSpan(0, length);
    }

    static ReadOnlyMemory<byte> Envelope(TpqMessage message)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, JsonOptions))
        {
            json.WriteStartObject();
            WriteMembers(json, message);
            json.WriteEndObject();
        }
        buffer.Write("\n"u8);
        return buffer.WrittenMemory;
    }
}
