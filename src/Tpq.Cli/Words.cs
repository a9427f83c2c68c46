using System.CommandLine;
using System.CommandLine.Parsing;

namespace Tpq.Cli;

/// <summary>The words of the line that are not options, before and after the first <c>--</c>.</summary>
static class Words
{
    public static IEnumerable<string> Before(ParseResult parse) => All(parse).SkipLast(After(parse).Count());

    public static IEnumerable<string> After(ParseResult parse) =>
        parse.Tokens.SkipWhile(t => t.Type != TokenType.DoubleDash).Skip(1).Select(t => t.Value);

    /// <summary>Whether a word before the first <c>--</c> has a password in it, and is neither the URL nor a command.</summary>
    public static bool HavePassword(ParseResult parse)
    {
        Token[] before = [.. parse.Tokens.TakeWhile(t => t.Type != TokenType.DoubleDash)];
        return before.Index().Any(t => Display.WithoutPassword(t.Item.Value) != t.Item.Value
            && !(t.Index > 0 && before[t.Index - 1] is { Type: TokenType.Option, Value: "--url" or "--exec" }));
    }

    /// <summary>With <c>--prefix=</c>, an empty value, as two words: of the one the parser makes an option whose value is the next word.</summary>
    public static string[] WithEmptyValues(string[] words)
    {
        int end = Array.IndexOf(words, "--") is >= 0 and int dashes ? dashes : words.Length;
        return [.. words[..end].SelectMany(Split), .. words[end..]];

        static string[] Split(string word) =>
            word.StartsWith("--", StringComparison.Ordinal) && word.IndexOf('=') == word.Length - 1 ? [word[..^1], ""] : [word];
    }

    static IEnumerable<string> All(ParseResult parse) =>
        parse.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens).Select(t => t.Value).Concat(parse.UnmatchedTokens);
}
