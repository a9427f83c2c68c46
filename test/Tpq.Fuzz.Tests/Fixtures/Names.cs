using System.Text;
using CsCheck;

namespace Tpq.Fuzz.Tests.Fixtures;

/// <summary>Names that would do harm where a name is taken for a piece of SQL, of a pattern or of a line for a terminal.</summary>
static class Names
{
    public static readonly string[] Hostile =
    [
        "\"", "\"\"", "'", "''", "\\", "\\'", "a\"; DROP TABLE canary; --", "a'; DROP TABLE canary; --", "\\'; DROP TABLE canary; --", "$$; DROP TABLE canary; $$",
        "$1", "%", "%s%n", "_", "tpq_", ":name", ":'name'", "{table}", "{0}", "/*", "--", ";", "*", "?", "a.b", ".", "..", "\".\"", "line\nbreak", "\r", "\t", " ", " a ",
        "\u001b[31m", "\u007f", "\u0001", "\u202eorders", "\u200b", "\ufeff", "שלום", "😀", "👩‍👩‍👧", "é", "e\u0301", "ﬁ", "İ", "ß", "\u2028", "select", "user", "public", "null",
        "pg_catalog", "CON", "0", "-1", "1e5", "orders", "Orders", "ORDERS", "orders_dead_", "later", "[red]x[/]", "$HOME", "`id`", "a b", "&", "|", "!", "#", "@", "~", "=", "a=b", "+", ",",
    ];

    static readonly Gen<string> Piece = Gen.OneOf(
        Gen.OneOf(Hostile), Gen.Char[' ', '~'].Select(c => c.ToString()), Gen.Char['\u0001', '\u00ff'].Select(c => c.ToString()),
        Gen.Int[0x100, 0x1fbff].Where(i => i is < 0xd800 or > 0xdfff).Select(char.ConvertFromUtf32));

    /// <summary>Names of at least one byte and at most so many, in UTF-8.</summary>
    public static Gen<string> UpTo(int bytes) => Gen.OneOf(
        Gen.OneOf([.. Hostile.Where(n => Encoding.UTF8.GetByteCount(n) <= bytes)]),
        Piece.Array[1, bytes].Select(pieces => Cut(string.Concat(pieces), bytes)).Where(n => n.Length > 0));

    /// <summary>The longest beginning that has no more bytes, and no half of a character at its end.</summary>
    static string Cut(string text, int bytes)
    {
        int left = bytes;
        return string.Concat(text.EnumerateRunes().TakeWhile(rune => (left -= rune.Utf8SequenceLength) >= 0));
    }
}
