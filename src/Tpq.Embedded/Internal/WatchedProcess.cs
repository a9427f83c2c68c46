using System.Diagnostics;
using System.Reflection;

namespace Tpq.Embedded.Internal;

/// <summary>A program with a shell beside it that stops it when the owner is gone; watch.sh says how and why.</summary>
sealed class WatchedProcess : OwnedProcess
{
    static readonly string Script = ReadScript();

    readonly Process _watcher;

    WatchedProcess(Process watcher, int id) : base(watcher)
    {
        _watcher = watcher;
        Id = id;
    }

    internal override int Id { get; }

    internal static new async Task<WatchedProcess> StartAsync(
        string[] command, string log, string? temporary, Action<ProcessStartInfo> configure)
    {
        string[] line = [.. FindSessionProgram(), "/bin/sh", "-c", Script, "watch", temporary ?? "", log, .. command];
        var start = new ProcessStartInfo(line[0], line[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        configure(start);

        var watcher = Process.Start(start)!;
        // Not cancellable: the line comes at once, and a read cut short would leave a program that nobody knows.
        string? id = await watcher.StandardOutput.ReadLineAsync(CancellationToken.None).ConfigureAwait(false);
        if (int.TryParse(id, out int number))
            return new WatchedProcess(watcher, number);
        watcher.Dispose();
        throw new EmbeddedPostgresException($"{command[0]} was not started: is {log} out of reach, or full?");
    }

    protected override async Task SignalAsync(StopMode mode)
    {
        string signal = mode switch { StopMode.Kill => "KILL", StopMode.Immediate => "QUIT", _ => "INT" };
        try
        {
            await _watcher.StandardInput.WriteLineAsync(signal).ConfigureAwait(false);
            await _watcher.StandardInput.FlushAsync().ConfigureAwait(false);
        }
        catch (IOException)
        {
            // The program and its watcher have ended.
        }
    }

    protected override Task LetGoAsync()
    {
        try
        {
            _watcher.StandardInput.Close();
        }
        catch (IOException)
        {
            // A signal was still to be written, but the program and its watcher have ended.
        }
        return Task.CompletedTask;
    }

    /// <summary>What starts a program in a session of its own: util-linux and busybox bring setsid, macOS has perl instead.</summary>
    static string[] FindSessionProgram()
    {
        string? path = Environment.GetEnvironmentVariable("PATH");
        return ProgramPath.Find("setsid", path) is { } setsid ? [setsid]
            : ProgramPath.Find("perl", path) is { } perl ? [perl, "-MPOSIX=setsid", "-e", "setsid; exec @ARGV"]
            : throw new EmbeddedPostgresException("The server needs `setsid` or `perl` on the PATH: install util-linux or perl.");
    }

    static string ReadScript()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("watch.sh")!;
        using var reader = new StreamReader(stream);
        // The script is an argument, so `ps` shows it; the comments are for readers of the source.
        return string.Join('\n', reader.ReadToEnd().Split('\n').Where(line => line.Trim() is not ("" or ['#', ..])));
    }
}
