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

    public static void Write(IBufferWriter<byte> output, TpqMessage message, MessageFormat format)
    {
        switch (format)
        {
            case MessageFormat.Raw: output.Write(message.Utf8Json.Span); break;
            case MessageFormat.Envelope: WriteEnvelope(output, message); break;
            default: output.Write(OneLine(message.Utf8Json.Span)); break;
        }
        output.Write("\n"u8);
    }

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

    static void WriteEnvelope(IBufferWriter<byte> output, TpqMessage message)
    {
        using var json = new Utf8JsonWriter(output, JsonOptions);
        json.WriteStartObject();
        WriteMembers(json, message);
        json.WriteEndObject();
    }
}
