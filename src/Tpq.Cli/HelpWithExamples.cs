using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Tpq.Cli;

/// <summary>The parser's help, with the examples at the end: in the description they would also stand in the list of all verbs.</summary>
sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
{
    static readonly string[] Pipeline =
    [
        "export TPQ_URL=postgresql://user:password@localhost/foobar",
        "tpq create orders",
        "echo '{\"id\": 7}' | tpq produce orders",
        "tpq consume orders --wait=5",
    ];

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        help.Invoke(parseResult);
        TextWriter output = parseResult.InvocationConfiguration.Output;
        IReadOnlyList<string> examples = parseResult.CommandResult.Command is Verb verb ? verb.Examples : Pipeline;
        output.WriteLine(examples.Count == 1 ? "Example:" : "Examples:");
        foreach (string example in examples)
            output.WriteLine($"  {example}");
        return ExitCode.Done;
    }
}
