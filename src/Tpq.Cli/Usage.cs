using System.CommandLine;
using System.CommandLine.Parsing;

namespace Tpq.Cli;

/// <summary>Wrong usage: found before anything is done, said in one line each, with an exit code of its own.</summary>
static class Usage
{
    /// <summary>What is wrong with the words, or null.</summary>
    public static string? FindFault(ParseResult parse)
    {
        // The parser takes an option that it does not know for an argument, where there is room for one.
        if (Words.Before(parse).FirstOrDefault(word => word.StartsWith('-')) is { } odd)
            return $"There is no option {Display.Safe(Display.WithoutPassword(odd).Split('=')[0])} here. (What begins with \"-\" and is not an option comes after \"--\".)";
        if (parse.CommandResult.Command is RootCommand && parse.UnmatchedTokens is [string verb, ..])
            return $"There is no command {Display.Quote(verb)}.";
        if (Words.HavePassword(parse))
            return "There is a password in a word that is none of a database: the database's URL comes after --url=, or into TPQ_URL.";
        return parse.Errors.Count == 0 ? null : string.Join(Environment.NewLine, parse.Errors.Select(e => Display.Safe(Display.WithoutPassword(e.Message))));
    }

    public static int Complain(ParseResult parse, string fault)
    {
        Console.Error.WriteLine(fault);
        Console.Error.WriteLine($"\"{NameOf(parse.CommandResult)} --help\" shows the usage.");
        return ExitCode.Usage;
    }

    static string NameOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{NameOf(parent)} {command.Command.Name}" : "tpq";
}
