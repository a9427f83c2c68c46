using System.Buffers;
using System.Collections.ObjectModel;
using System.Text.Json;

namespace Tpq.Internal;

/// <summary>Headers in the database are one JSON object of strings.</summary>
static class HeadersJson
{
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
                writer.WriteString(name, value);
            writer.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }

    /// <summary>Reads what others wrote too: a value that is not a string comes as its JSON text, headers that are no object as none.</summary>
    public static Dictionary<string, string> Read(ReadOnlyMemory<byte> utf8)
    {
        var headers = new Dictionary<string, string>(StringComparer.Ordinal);
        using var document = JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = JsonText.MaxDepth });
        if (document.RootElement.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty header in document.RootElement.EnumerateObject())
                headers[header.Name] = header.Value.ValueKind == JsonValueKind.String ? header.Value.GetString()! : header.Value.GetRawText();
        }
        return headers;
    }
}
