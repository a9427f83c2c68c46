using System.Globalization;
using Spectre.Console;
using Tpq.Internal;

namespace Tpq.Cli;

/// <summary>Findings for people, the worst first; coloured on a terminal, plain anywhere else.</summary>
sealed class DiagnosisText(Diagnosis diagnosis)
{
    public Task WriteAsync(CancellationToken cancellationToken)
    {
        if (!Console.IsOutputRedirected)
        {
            Write(AnsiConsole.Console);
            return Task.CompletedTask;
        }
        using var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        Write(AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(text) }));
        return StandardOutput.WriteTextAsync(text.ToString(), cancellationToken);
    }

    void Write(IAnsiConsole console)
    {
        // A remedy is to be copied: the terminal breaks a line without a line break.
        console.Profile.Width = int.MaxValue / 2;
        foreach (IGrouping<Severity, Finding> group in diagnosis.Findings.GroupBy(f => f.Severity))
        {
            WriteLine(console, $"{Word(group.Key)} ({Display.Count(group.Count())})", Colour(group.Key));
            foreach (Finding finding in group)
                Write(console, finding);
            console.WriteLine();
        }
        string queues = diagnosis.Queues == 1 ? "1 queue" : $"{Display.Count(diagnosis.Queues)} queues";
        WriteLine(console, $"{(diagnosis.Worst == Severity.Info ? "Healthy" : "Sick")}: examined {queues} and the server.", Colour(diagnosis.Worst));
    }

    static void Write(IAnsiConsole console, Finding finding)
    {
        string queue = finding.Queue is null ? "" : $"{finding.Queue}: ";
        WriteLine(console, $"  {queue}{finding.Title} [{finding.Check}]", new Style(decoration: Decoration.Bold));
        WriteLine(console, $"    {finding.Evidence}");
        foreach (string line in finding.Remedy.Split('\n'))
            WriteLine(console, $"    > {line}", new Style(Color.Blue));
    }

    /// <summary>Names are anybody's, and neither markup nor commands for the terminal.</summary>
    static void WriteLine(IAnsiConsole console, string line, Style? style = null)
    {
        console.Write(new Text(Display.Safe(line), style));
        console.WriteLine();
    }

    static string Word(Severity severity) => severity switch
    {
        Severity.Error => "Errors",
        Severity.Warning => "Warnings",
        _ => "Worth knowing",
    };

    static Style Colour(Severity severity) => new(severity switch
    {
        Severity.Error => Color.Red,
        Severity.Warning => Color.Yellow,
        _ => Color.Green,
    });
}
