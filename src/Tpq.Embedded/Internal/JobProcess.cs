using System.Diagnostics;
using System.Runtime.Versioning;

namespace Tpq.Embedded.Internal;

/// <summary>A program in a Windows job that ends with this process. Not tested on Windows so far.</summary>
[SupportedOSPlatform("windows")]
sealed class JobProcess : OwnedProcess
{
    readonly Process _process;

    JobProcess(Process process) : base(process) => _process = process;

    internal override int Id => _process.Id;

    internal static JobProcess Start(string[] command, string log, Action<ProcessStartInfo> configure)
    {
        // A console of its own keeps Ctrl+C at the owner's from it.
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            CreateNoWindow = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        configure(start);

        var process = Process.Start(start)!;
        WindowsJob.Add(process);
        var file = new FileStream(log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        var writer = TextWriter.Synchronized(new StreamWriter(file) { AutoFlush = true });
        process.OutputDataReceived += (_, line) => writer.WriteLine(line.Data);
        process.ErrorDataReceived += (_, line) => writer.WriteLine(line.Data);
        process.Disposed += (_, _) => writer.Dispose();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new JobProcess(process);
    }

    protected override async Task SignalAsync(StopMode mode)
    {
        if (_process.HasExited)
            return;
        // PostgreSQL has signals of its own making on Windows, which initdb does not know.
        string folder = Path.GetDirectoryName(_process.StartInfo.FileName)!;
        bool sent = mode != StopMode.Kill && (await Command.RunAsync(
            Path.Combine(folder, "pg_ctl.exe"), ["kill", mode == StopMode.Fast ? "INT" : "QUIT", $"{Id}"], _ => { }, CancellationToken.None)
            .ConfigureAwait(false)).ExitCode == 0;
        if (!sent)
            _process.Kill(entireProcessTree: true);
    }

    protected override Task LetGoAsync() => SignalAsync(StopMode.Fast);
}
