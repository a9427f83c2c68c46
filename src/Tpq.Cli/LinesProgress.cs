using Spectre.Console;

namespace Tpq.Cli;

/// <summary>Shows how far a put of lines has come, where somebody sees it.</summary>
static class LinesProgress
{
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    public static async Task ShowAsync(
        LinesPut put, JsonLines lines, long? length, GlobalOptions options, CancellationToken cancellationToken)
    {
        if (Console.IsErrorRedirected || options.Quiet)
        {
            await put.RunAsync(cancellationToken);
            return;
        }
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(Console.Error),
            // The library would ask whether input and output are terminals.
            Interactive = InteractionSupport.Yes,
        });
        await console.Progress()
            .AutoClear(true)
            .Columns(length is null
                ? [new SpinnerColumn(), new TaskDescriptionColumn()]
                : [new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn()])
            .StartAsync(async context =>
            {
                ProgressTask task = context.AddTask("0 messages", maxValue: Math.Max(length ?? 1, 1));
                Task running = put.RunAsync(cancellationToken);
                do
                {
                    await Task.WhenAny(running, Task.Delay(Interval, CancellationToken.None));
                    task.Description = Display.Messages(put.Sent);
                    task.Value = length is null ? 0 : lines.Position;
                }
                while (!running.IsCompleted);
                await running;
            });
    }
}
