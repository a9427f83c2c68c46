using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Tpq.Cli;

/// <summary>How names, numbers and times are written for people: the same in every locale.</summary>
static partial class Display
{
    public static string Quote(string name) => $"\"{Safe(WithoutPassword(name))}\"";

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

    /// <summary>The text without what may be a password: in a URL all between its slashes and its last at sign, else what is set behind a "password=".</summary>
    public static string WithoutPassword(string text) => Password().Replace(text, m => m.Value.StartsWith("://", StringComparison.Ordinal) ? "://…@" : "…");

    /// <summary>A sentence as it goes on behind a colon.</summary>
    public static string Continue(string sentence) =>
        sentence.Length > 1 && char.IsLower(sentence[1]) ? char.ToLowerInvariant(sentence[0]) + sentence[1..] : sentence;

    /// <summary>The text as a POSIX shell wants it, to be copied from an error to the prompt.</summary>
    public static string ShellWord(string text) => Safe(Internal.ShellWord.Quote(text));

    public static string Count(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Messages(long number) => number == 1 ? "1 message" : $"{Count(number)} messages";

    /// <summary>How long ago that was, in the two largest units: <c>3m 12s</c>. Empty where nobody knows.</summary>
    public static string Age(DateTimeOffset? time) => time is { } known ? Age(known, DateTimeOffset.UtcNow) : "";

    /// <summary>How long before another time that was.</summary>
    public static string Age(DateTimeOffset time, DateTimeOffset now)
    {
        TimeSpan age = now - time;
        // The server's clock may be ahead of ours.
        return age < TimeSpan.Zero ? "0s" : age < TimeSpan.FromMinutes(1) ? $"{age.Seconds}s" : LongTime(age);
    }

    /// <summary>A length of time in its two largest units, below a minute in seconds: <c>0.8 s</c>, <c>2m 5s</c>.</summary>
    public static string Time(TimeSpan time) =>
        time < TimeSpan.FromMinutes(1) ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s") : LongTime(time);

    /// <summary>The text on one line, without what would steer a terminal.</summary>
    public static string OneLine(string text) => Safe(string.Join(' ', text.Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)));

    static string LongTime(TimeSpan time) => time switch
    {
        { TotalDays: >= 1 } => $"{Count((long)time.TotalDays)}d {time.Hours}h",
        { TotalHours: >= 1 } => $"{time.Hours}h {time.Minutes}m",
        _ => $"{time.Minutes}m {time.Seconds}s",
    };

    [GeneratedRegex("""://.*@|(?<=(password|pwd)\s*=\s*)('[^']*'|"[^"]*"|[^\s;&'"][^;&]*)""", RegexOptions.IgnoreCase | RegexOptions.Singleline)]
    private static partial Regex Password();
}
