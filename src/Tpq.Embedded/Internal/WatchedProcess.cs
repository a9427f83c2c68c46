using System.Diagnostics;
using System.Reflection;

namespace Tpq.Embedded.Internal;

/// <summary>A program that stops when its owner, this process, lets go of it or dies; see watch.sh for the how and why.</summary>
sealed class WatchedProcess : IAsyncDisposable
{
    static readonly string Script = ReadScript();

    readonly Process _watcher;

    WatchedProcess(Process watcher, int id)
    {
        _watcher = watcher;
        Id = id;
    }

    /// <summary>The process id of the program itself.</summary>
    internal int Id { get; }

    internal bool HasExited => _watcher.HasExited;

    /// <param name="log">The file that gets all its words.</param>
    /// <param name="temporary">The folder to remove when the owner lets go or dies; null for none.</param>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="configure">Sets the account and the environment.</param>
    internal static async Task<WatchedProcess> StartAsync(
        string log, string? temporary, IEnumerable<string> command, Action<ProcessStartInfo> configure)
    {
        string[] session = FindSessionProgram();
        string[] line = [.. session, "/bin/sh", "-c", Script, "watch", temporary ?? "", log, .. command];
        var start = new ProcessStartInfo(line[0], line[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        configure(start);

        var watcher = Process.Start(start)!;
        // Not cancellable: the line comes at once, and a cancelled read would leave a program that nobody knows.
        string? id = await watcher.StandardOutput.ReadLineAsync(CancellationToken.None).ConfigureAwait(false);
        if (int.TryParse(id, out int number))
            return new WatchedProcess(watcher, number);
        watcher.Dispose();
        throw new EmbeddedPostgresException($"The log {log} cannot be written, so the server was not started.");
    }

    internal async Task<int> WaitForExitAsync(CancellationToken cancellationToken)
    {
        await _watcher.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
        return _watcher.ExitCode;
    }

    /// <summary>Stops the program with a signal (INT is fast, QUIT immediate, KILL a crash) and waits for its end.</summary>
    internal async Task StopAsync(string signal, CancellationToken cancellationToken)
    {
        try
        {
            await _watcher.StandardInput.WriteLineAsync(signal.AsMemory(), cancellationToken).ConfigureAwait(false);
            await _watcher.StandardInput.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // It ended by itself.
        }
        await _watcher.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Lets go: the program stops, a temporary folder goes, and both have happened on return.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            _watcher.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended by itself with a word unread.
        }
        await _watcher.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
        _watcher.Dispose();
    }

    /// <summary>What starts a program in a session of its own: util-linux and busybox bring setsid, macOS has perl instead.</summary>
    static string[] FindSessionProgram() =>
        ProgramPath.Find("setsid") is { } setsid ? [setsid]
        : ProgramPath.Find("perl") is { } perl ? [perl, "-MPOSIX=setsid", "-e", "setsid; exec @ARGV"]
        : throw new EmbeddedPostgresException("The server needs `setsid` or `perl` on the PATH: install util-linux or perl.");

    static string ReadScript()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("watch.sh")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
