using System.CommandLine;
using System.CommandLine.Help;
using Tpq.Cli.Commands;

namespace Tpq.Cli;

/// <summary>The whole command: its verbs, and how a line of words is parsed and run.</summary>
static class CommandLine
{
    /// <summary>No <c>@file</c>, which might be a queue, and no <c>-abc</c> for <c>-a -b -c</c>.</summary>
    static readonly ParserConfiguration Parsing = new() { ResponseFileTokenReplacer = null, EnablePosixBundling = false };

    public static async Task<int> RunAsync(string[] args)
    {
        RootCommand root = Create();
        if (args.Length == 0)
        {
            await root.Parse(["--help"], Parsing).InvokeAsync(new InvocationConfiguration { Output = Console.Error });
            return ExitCode.Usage;
        }
        ParseResult parse = root.Parse(Words.WithEmptyValues(args), Parsing);
        if (Usage.FindFault(parse) is { } fault)
            return Usage.Complain(parse, fault);
        using var interrupt = new Interrupt();
        using var text = new StringWriter();
        // Exceptions and signals are dealt with here: the library prints stack traces, and kills after two seconds.
        var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null, Output = text };
        int code = await parse.InvokeAsync(invocation, interrupt.Token);
        return text.GetStringBuilder().Length == 0 ? code : await WriteHelpAsync(text.ToString(), interrupt.Token);
    }

    /// <summary>Help and version, which no verb writes.</summary>
    static Task<int> WriteHelpAsync(string text, CancellationToken cancellationToken) => Failure.GuardAsync(
        GlobalOptions.None, async () =>
        {
            await StandardOutput.WriteTextAsync(text, cancellationToken);
            return ExitCode.Done;
        }, new Intent("write the help"));

    static RootCommand Create()
    {
        var root = new RootCommand("A queue in the PostgreSQL you already have: JSON messages from and to the shell.") { HelpName = "tpq" };
        // Not "/h" and "/?", which might be queues.
        root.Options.Remove(root.Options.Single(o => o is HelpOption));
        var help = new HelpOption("--help", "-h");
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        root.Options.Add(help);
        foreach (Option option in GlobalOptions.All)
            root.Options.Add(option);
        foreach (Command verb in Verbs())
            root.Subcommands.Add(verb);
        return root;
    }

    static Command[] Verbs() =>
    [
        ProduceCommand.Create(),
        ConsumeCommand.Create(),
        CreateCommand.Create(),
        PauseCommand.Create(),
        ResumeCommand.Create(),
        UpgradeCommand.Create(),
        SchemaCommand.Create(),
        DropCommand.Create(),
        ClearCommand.Create(),
        CountCommand.Create(),
        DeleteCommand.Create(),
        PeekCommand.Create(),
        ListCommand.Create(),
        StatsCommand.Create(),
        TopCommand.Create(),
        MoveCommand.Create(),
        DoctorCommand.Create(),
        DashboardCommand.Create(),
        DevCommand.Create(),
        DemoCommand.Create(),
    ];
}
