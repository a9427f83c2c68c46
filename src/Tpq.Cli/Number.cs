using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Tpq.Cli;

/// <summary>Options and arguments that are whole numbers, read the same in every locale.</summary>
static class Number
{
    public static Option<int?> Option(string name, string description, int least = 1, int most = int.MaxValue) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result => Parse(result, name, least, most) is { } number ? (int)number : null,
    };

    public static Argument<long> Argument(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = result => Parse(result, name, long.MinValue, long.MaxValue) ?? 0,
    };

    static long? Parse(ArgumentResult result, string name, long least, long most)
    {
        string text = result.Tokens[0].Value;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
            && number >= least && number <= most)
            return number;
        string range = least == long.MinValue ? "" : $" from {least} to {Display.Count(most)}";
        result.AddError($"{name}: \"{text}\" is not a whole number{range}.");
        return null;
    }
}
