using System.Globalization;
using System.Text;

namespace Tpq.Cli;

/// <summary>How names, numbers and times are written for people: the same in every locale.</summary>
static class Display
{
    public static string Quote(string name) => $"\"{Safe(name)}\"";

    /// <summary>The text without characters that would steer a terminal.</summary>
    public static string Safe(string text)
    {
        if (!text.Any(char.IsControl))
            return text;
        var safe = new StringBuilder(text.Length);
        foreach (char c in text)
            _ = char.IsControl(c) ? safe.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}") : safe.Append(c);
        return safe.ToString();
    }

    /// <summary>The text as a POSIX shell wants it, to be copied from an error to the prompt.</summary>
    public static string ShellWord(string text)
    {
        bool plain = text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or '/' or ':' or '+' or ',');
        string word = plain ? text : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
        return Safe(text.StartsWith('-') ? $"-- {word}" : word);
    }

    public static string Count(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Messages(long number) => number == 1 ? "1 message" : $"{Count(number)} messages";

    /// <summary>The two largest units: <c>3m 12s</c>.</summary>
    public static string Age(TimeSpan age)
    {
        // The server's clock may be ahead of ours.
        age = age < TimeSpan.Zero ? TimeSpan.Zero : age;
        return age switch
        {
            { TotalDays: >= 1 } => $"{Count((long)age.TotalDays)}d {age.Hours}h",
            { TotalHours: >= 1 } => $"{age.Hours}h {age.Minutes}m",
            { TotalMinutes: >= 1 } => $"{age.Minutes}m {age.Seconds}s",
            _ => $"{age.Seconds}s",
        };
    }
}
