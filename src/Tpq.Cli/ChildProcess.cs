using System.ComponentModel;
using System.Diagnostics;

namespace Tpq.Cli;

/// <summary>Runs somebody's command, with its output and errors where ours go.</summary>
static class ChildProcess
{
    /// <summary>A command as words, started without a shell.</summary>
    public static ProcessStartInfo Words(IReadOnlyList<string> words) => new(words[0], words.Skip(1));

    /// <summary>A command as a line for the system's shell.</summary>
    public static ProcessStartInfo Line(string line) => OperatingSystem.IsWindows()
        ? new ProcessStartInfo("cmd.exe") { Arguments = $"/d /s /c \"{line}\"" }
        : new ProcessStartInfo("/bin/sh", ["-c", line]);

    /// <summary>Runs it to its end with bytes on its standard input, and returns its exit code. It need not read them.</summary>
    /// <exception cref="CliException">It cannot be started.</exception>
    public static async Task<int> RunAsync(ProcessStartInfo command, ReadOnlyMemory<byte> input)
    {
        command.RedirectStandardInput = true;
        using Process process = Start(command);
        // Beside the wait: it may end, and leave a child behind that keeps the pipe open, without ever reading.
        Task feeding = FeedAsync(process.StandardInput.BaseStream, input);
        await process.WaitForExitAsync(CancellationToken.None);
        _ = feeding;
        return process.ExitCode;
    }

    /// <exception cref="CliException">It cannot be started.</exception>
    public static Process Start(ProcessStartInfo command)
    {
        try
        {
            return Process.Start(command)!;
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            string reason = e switch
            {
                Win32Exception when Directory.Exists(command.FileName) => "it is a directory",
                Win32Exception system => new Win32Exception(system.NativeErrorCode).Message,
                _ => Display.Continue(e.Message).TrimEnd('.'),
            };
            throw new CliException($"Could not start {Display.Quote(command.FileName)}: {reason}.", ExitCode.ConsumerFailed, e);
        }
    }

    static async Task FeedAsync(Stream pipe, ReadOnlyMemory<byte> input)
    {
        try
        {
            await Task.Yield();
            await using (pipe)
                await pipe.WriteAsync(input, CancellationToken.None);
        }
        catch (IOException)
        {
            // It has closed its end: it has read what it wanted.
        }
    }
}
