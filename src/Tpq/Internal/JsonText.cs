using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Tpq.Internal;

/// <summary>
/// Tells one JSON value from anything else before it reaches the server, with line and column: in a caller's transaction an error of the
/// server's would cost the caller its transaction. Accepts exactly what PostgreSQL's type json accepts.
/// </summary>
static class JsonText
{
    /// <summary>What every server parses with its default max_stack_depth, with room to spare (15.18 fails between 10,000 and 15,000).</summary>
    public const int MaxDepth = 5_000;

    /// <summary>PostgreSQL's limit of a field, 1 GB, less what the row around it needs.</summary>
    public const int MaxBytes = 0x3fff_0000;

    static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    static readonly JsonReaderOptions ReaderOptions = new() { MaxDepth = MaxDepth, CommentHandling = JsonCommentHandling.Disallow };

    public static ReadOnlyMemory<byte> Checked(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            return Checked(Strict.GetBytes(json));
        }
        catch (EncoderFallbackException e)
        {
            ReadOnlySpan<char> before = json.AsSpan(0, e.Index);
            throw new TpqInvalidJsonException(
                "half of a surrogate pair, which is no character; write it as an escape", before.Count('\n') + 1, e.Index - before.LastIndexOf('\n'));
        }
    }

    public static ReadOnlyMemory<byte> Checked(ReadOnlyMemory<byte> utf8)
    {
        ReadOnlySpan<byte> text = utf8.Span;
        if (text.StartsWith("\uFEFF"u8))
            throw At(text, 0, "it begins with a byte order mark, which is not part of JSON");
        if (text.Length > MaxBytes)
            throw At(text, 0, $"it has {text.Length:N0} bytes, and PostgreSQL stores at most {MaxBytes:N0}");
        // The reader looks into strings only for escapes and control characters; bad UTF-8 would pass it.
        if (!Utf8.IsValid(text))
            throw At(text, FirstInvalid(text), "bytes that are not UTF-8");
        var reader = new Utf8JsonReader(text, ReaderOptions);
        try
        {
            while (reader.Read())
            {
            }
        }
        catch (JsonException e)
        {
            int offset = OffsetOf(text, e);
            throw At(text, offset, Reason(text, e, offset, reader));
        }
        return utf8;
    }

    static string Reason(ReadOnlySpan<byte> text, JsonException e, int offset, Utf8JsonReader reader)
    {
        if (text.Trim(" \t\r\n"u8).IsEmpty)
            return "it is empty";
        // The reader counts an opening bracket from the token after it.
        int depth = reader.CurrentDepth + (reader.TokenType is JsonTokenType.StartArray or JsonTokenType.StartObject ? 1 : 0);
        if (depth >= MaxDepth && offset < text.Length && text[offset] is (byte)'[' or (byte)'{')
            return $"nested deeper than {MaxDepth:N0} levels";
        // The reader's own sentence, up to the position that it appends and that we say in our own way.
        int end = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        string reason = end < 0 ? e.Message : e.Message[..end];
        // That sentence goes on about options of the reader.
        if (reason.Contains("trailing comma", StringComparison.Ordinal))
            return "a comma before a closing bracket";
        return char.ToLowerInvariant(reason[0]) + reason[1..].TrimEnd('.');
    }

    static int OffsetOf(ReadOnlySpan<byte> text, JsonException e)
    {
        int start = 0;
        for (long line = e.LineNumber ?? 0; line > 0; line--)
            start += text[start..].IndexOf((byte)'\n') + 1;
        return (int)Math.Min(start + (e.BytePositionInLine ?? 0), text.Length);
    }

    static TpqInvalidJsonException At(ReadOnlySpan<byte> text, int offset, string reason)
    {
        ReadOnlySpan<byte> before = text[..offset];
        ReadOnlySpan<byte> line = before[(before.LastIndexOf((byte)'\n') + 1)..];
        return new TpqInvalidJsonException(reason, before.Count((byte)'\n') + 1, Encoding.UTF8.GetCharCount(line) + 1);
    }

    static int FirstInvalid(ReadOnlySpan<byte> text)
    {
        int offset = 0;
        while (Rune.DecodeFromUtf8(text[offset..], out _, out int length) == OperationStatus.Done)
            offset += length;
        return offset;
    }
}
