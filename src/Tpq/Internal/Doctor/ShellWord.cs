namespace Tpq.Internal;

static class ShellWord
{
    /// <summary>The text as a POSIX shell wants it, to be copied to the prompt.</summary>
    public static string Quote(string text)
    {
        bool plain = text.Length > 0 && text.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or '/' or ':' or '+' or ',');
        return plain ? text : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
    }
}
