using System.Text;

namespace Tpq.Internal;

/// <summary>The one place where a name becomes a piece of SQL.</summary>
static class Identifier
{
    /// <summary>PostgreSQL's NAMEDATALEN - 1. It cuts longer names off without an error, which would make two queues one.</summary>
    public const int MaxBytes = 63;

    /// <summary>Throws for a lone surrogate, so two different names can never become the same bytes.</summary>
    static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>A string literal for DDL, which takes no parameters. Right whatever <c>standard_conforming_strings</c> says.</summary>
    public static string Literal(string text)
    {
        string quoted = text.Replace("'", "''", StringComparison.Ordinal);
        return quoted.Contains('\\') ? $"E'{quoted.Replace("\\", "\\\\", StringComparison.Ordinal)}'" : $"'{quoted}'";
    }

    /// <summary>How many bytes the name has in UTF-8.</summary>
    /// <exception cref="ArgumentException">It is empty, or PostgreSQL cannot store it.</exception>
    public static int Measure(string name, string what, string parameter)
    {
        if (name.Length == 0)
            throw new ArgumentException($"The {what} is empty.", parameter);
        if (name.Contains('\0'))
            throw new ArgumentException($"The {what} contains the character U+0000, which PostgreSQL cannot store in a name.", parameter);
        try
        {
            return Strict.GetByteCount(name);
        }
        catch (EncoderFallbackException)
        {
            throw new ArgumentException($"The {what} contains half of a surrogate pair, which is no character.", parameter);
        }
    }
}
