using System.Text;
using System.Text.Json;
using CsCheck;

namespace Tpq.Fuzz.Tests.Fixtures;

/// <summary>Texts of which System.Text.Json says whether they are JSON.</summary>
static class NearlyJson
{
    static readonly string[] Valid =
    [
        "{}", "[]", "\"\"", "0", "-0.5e-7", "null", "true", "false", "{\"a\": [1, {\"b\": null}], \"a\": 2}", " [ 1 ,\n\t{ \"é😀\" : \"\\u00e9\\ud83d\\ude00\" } ]\r\n",
        "\"\\u0000\\ud800\\\\\\/\"", "123456789012345678901234567890e400", "[[[[[[[[1]]]]]]]]", "\"line\\nbreak\"", "{\"a\": \"b\", \"tpq-id\": 7, \"\\ud800\": \"\\udc00\", \"\": {}}",
    ];

    static readonly string[] Pieces =
    [
        "\"", "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "E+", "\\u", "\\u0000", "\\ud800", "\\x", "\t", "\n", "\r", " ", "\u0001", "\u007f", "\0", "é", "😀", "\ufeff", "\u00a0",
        "\u2028", "//", "/*x*/", "'", "NaN", "Infinity", "nul", "True", "{\"a\":1}", "1,", "[[[[", "\v", "\f",
    ];

    public static Gen<string> Text(int most = 4) => Mutation.Of(Valid, Pieces, most);

    /// <summary>With a byte put in now and then that is no UTF-8.</summary>
    public static Gen<byte[]> Bytes(int most = 4) => Gen.Select(Text(most).Select(Encoding.UTF8.GetBytes), Gen.Int[0, 40], Gen.Byte[0x80, 0xff], Gen.Int[0, 9],
        (text, at, odd, chance) => chance > 0 ? text : [.. text[..Math.Min(at, text.Length)], odd, .. text[Math.Min(at, text.Length)..]]);

    public static bool IsJson(byte[] text)
    {
        try
        {
            using var _ = JsonDocument.Parse(new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(text));
            return true;
        }
        catch (Exception e) when (e is JsonException or DecoderFallbackException)
        {
            return false;
        }
    }
}
