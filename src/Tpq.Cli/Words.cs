using System.CommandLine;
using System.CommandLine.Parsing;

namespace Tpq.Cli;

/// <summary>The words of the line that are not options, before and after the first <c>--</c>.</summary>
static class Words
{
    public static IEnumerable<string> Before(ParseResult parse) => All(parse).SkipLast(After(parse).Count());

    public static IEnumerable<string> After(ParseResult parse) =>
        parse.Tokens.SkipWhile(t => t.Type != TokenType.DoubleDash).Skip(1).Select(t => t.Value);

    static IEnumerable<string> All(ParseResult parse) =>
        parse.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens).Select(t => t.Value).Concat(parse.UnmatchedTokens);
}
