using System.Diagnostics;
using System.Text;

namespace Tpq.Cli.Tests.Fixtures;

/// <summary>A process at work. It is killed when the test is over.</summary>
public sealed class Running : IDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    readonly Process _process;
    readonly MemoryStream _output = new();
    readonly StringBuilder _error = new();
    readonly Task _reading;

    /// <param name="start">The process.</param>
    /// <param name="read">Whether its output is read while it runs.</param>
    public Running(ProcessStartInfo start, bool read = true)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.StandardErrorEncoding = Encoding.UTF8;
        _process = Process.Start(start)!;
        _reading = Task.WhenAll(read ? ReadOutputAsync() : Task.CompletedTask, ReadErrorAsync());
    }

    public Stream Input => _process.StandardInput.BaseStream;

    public bool HasExited => _process.HasExited;

    public string Output
    {
        get
        {
            lock (_output)
                return Encoding.UTF8.GetString(_output.ToArray());
        }
    }

    public string Error
    {
        get
        {
            lock (_error)
                return _error.ToString();
        }
    }

    public void Signal(string name)
    {
        using Process kill = Process.Start(new ProcessStartInfo("kill", ["-s", name, $"{_process.Id}"]) { RedirectStandardError = true })!;
        kill.WaitForExit();
    }

    public async Task<Ended> EndAsync()
    {
        try
        {
            await _process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Patience);
            await _reading.WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"It did not end.\nstdout: {Output}\nstderr: {Error}");
        }
        return new Ended(_process.ExitCode, _output.ToArray(), Error);
    }

    /// <summary>Waits until it has written something; fails when it has not in time.</summary>
    public Task SaysAsync(string text) => Eventually.TrueAsync(
        () => Task.FromResult(Output.Contains(text, StringComparison.Ordinal) || Error.Contains(text, StringComparison.Ordinal)),
        () => $"\"{text}\" in\nstdout: {Output}\nstderr: {Error}");

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    async Task ReadOutputAsync()
    {
        byte[] buffer = new byte[64 * 1024];
        int length;
        while ((length = await _process.StandardOutput.BaseStream.ReadAsync(buffer)) > 0)
        {
            lock (_output)
                _output.Write(buffer, 0, length);
        }
    }

    async Task ReadErrorAsync()
    {
        char[] buffer = new char[4096];
        int length;
        while ((length = await _process.StandardError.ReadAsync(buffer)) > 0)
        {
            lock (_error)
                _error.Append(buffer, 0, length);
        }
    }
}
