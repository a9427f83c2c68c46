using System.CommandLine;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Tpq.Embedded;

namespace Tpq.Cli.Commands;

static partial class DevCommand
{
    const int Terminate = 15;

    static readonly Argument<string[]> CommandWords = new("command")
    {
        Description = "What to run, after \"--\", with TPQ_URL in its environment. Without it, the URL is written and the server runs until "
            + "Ctrl+C.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    static readonly Option<string> Data = new("--data")
    {
        Description = "A folder that keeps the server's data from start to start. Default: a temporary one.",
        HelpName = "folder",
    };

    static readonly Option<int?> Port = Number.Option("--port", "The port on 127.0.0.1. Default: 0, a free one.", least: 0, most: 65535);
    static readonly Option<bool> Offline = PrivateServer.OfflineOption();

    public static Command Create()
    {
        var command = new Verb("dev", "Start a private PostgreSQL, for a command or until Ctrl+C.",
            "tpq dev -- dotnet test",
            "tpq dev --data=./pg --port=5455")
        {
            CommandWords, Data, Port, Offline,
        };
        command.SetAction(RunAsync);
        return command;
    }

    static async Task<int> RunAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        string[] words = [.. Words.After(parse)];
        if (Words.Before(parse).FirstOrDefault() is { } word)
            return Usage.Complain(parse, $"The command to run comes after \"--\": tpq dev -- {Display.ShellWord(word)}");
        GlobalOptions options = GlobalOptions.Read(parse);
        return await Failure.GuardAsync(options, async () =>
        {
            await using EmbeddedPostgres server = await EmbeddedPostgres.StartAsync(
                PrivateServer.Options(options, parse.GetValue(Offline), parse.GetValue(Data), parse.GetValue(Port) ?? 0), cancellationToken);
            return words.Length > 0
                ? await RunCommandAsync(words, server.Url, cancellationToken)
                : await StayAsync(server, options, cancellationToken);
        }, new Intent("run a private PostgreSQL"));
    }

    static async Task<int> StayAsync(EmbeddedPostgres server, GlobalOptions options, CancellationToken cancellationToken)
    {
        await StandardOutput.WriteTextAsync(server.Url + "\n", cancellationToken);
        options.Say($"PostgreSQL {server.Version} runs until Ctrl+C: export TPQ_URL={Display.ShellWord(server.Url)}");
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        return ExitCode.Done;
    }

    static async Task<int> RunCommandAsync(string[] words, string url, CancellationToken cancellationToken)
    {
        ProcessStartInfo start = ChildProcess.Words(words);
        foreach (string variable in start.Environment.Keys.Where(IsAboutDatabase).ToArray())
            start.Environment.Remove(variable);
        start.Environment["TPQ_URL"] = url;
        cancellationToken.ThrowIfCancellationRequested();
        Interrupt.LeaveToCommand();
        try
        {
            using Process process = ChildProcess.Start(start);
            // The terminal sends Ctrl+C to the command as well; SIGTERM comes to this process alone.
            using PosixSignalRegistration? forward = OperatingSystem.IsWindows() ? null
                : PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => _ = Kill(process.Id, Terminate));
            await process.WaitForExitAsync(CancellationToken.None);
            return process.ExitCode;
        }
        finally
        {
            Interrupt.CommandHasEnded();
        }
    }

    /// <summary>What would mix with TPQ_URL, or name another database to a program that looks there.</summary>
    static bool IsAboutDatabase(string variable) => variable is "TPQ_HOST" or "TPQ_PORT" or "TPQ_DB" or "TPQ_USER" or "TPQ_PASS"
        or "PGHOST" or "PGPORT" or "PGDATABASE" or "PGUSER" or "PGPASSWORD" or "PGPASSFILE" or "PGSERVICE" or "PGSSLMODE" or "PGOPTIONS"
        or "PGTARGETSESSIONATTRS" or "PGCHANNELBINDING";

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
