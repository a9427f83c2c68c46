using System.Buffers;
using System.Collections.ObjectModel;
using System.Text;
using System.Text.Json;

namespace Tpq.Internal;

/// <summary>Headers in the database are one JSON object of strings.</summary>
static class HeadersJson
{
    static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static readonly IReadOnlyDictionary<string, string> None = ReadOnlyDictionary<string, string>.Empty;

    public static ReadOnlyMemory<byte>? Write(IReadOnlyDictionary<string, string>? headers)
    {
        if (headers is null or { Count: 0 })
            return null;
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach ((string name, string value) in headers)
                writer.WriteString(Checked(name, name), Checked(value, name));
            writer.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }

    /// <summary>
    /// Reads what others wrote too, and never fails, since that would stop the queue: a value that is not a string, or a string of half
    /// characters, comes as its JSON text; headers that are no object as none.
    /// </summary>
    public static Dictionary<string, string> Read(ReadOnlyMemory<byte> utf8)
    {
        var headers = new Dictionary<string, string>(StringComparer.Ordinal);
        var reader = new Utf8JsonReader(utf8.Span, new JsonReaderOptions { MaxDepth = int.MaxValue });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            return headers;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = Text(reader, utf8.Span);
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            string? value = reader.TokenType == JsonTokenType.String ? Text(reader, utf8.Span) : null;
            reader.Skip();
            headers[name] = value ?? Encoding.UTF8.GetString(utf8.Span[start..(int)reader.BytesConsumed]);
        }
        return headers;
    }

    /// <summary>Copies what is stored, as it is written; nothing where it is no object.</summary>
    public static void CopyTo(Utf8JsonWriter writer, byte[]? utf8, string[] except)
    {
        if (utf8 is null)
            return;
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = int.MaxValue });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            return;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = Text(reader, utf8);
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (except.Contains(name))
                continue;
            writer.WritePropertyName(name);
            writer.WriteRawValue(utf8.AsSpan()[start..(int)reader.BytesConsumed], skipInputValidation: true);
        }
    }

    static string Text(Utf8JsonReader reader, ReadOnlySpan<byte> utf8)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // An escape for half of a surrogate pair, which type json takes. With its quotes, as it is written.
            return Encoding.UTF8.GetString(utf8.Slice((int)reader.TokenStartIndex, reader.ValueSpan.Length + 2));
        }
    }

    static string Checked(string? text, string name)
    {
        if (text is null)
            throw new ArgumentException($"Header \"{name}\" has no value.");
        try
        {
            Strict.GetByteCount(text);
            return text;
        }
        catch (EncoderFallbackException)
        {
            throw new ArgumentException($"Header \"{name}\" contains half of a surrogate pair, which is no character.");
        }
    }
}
