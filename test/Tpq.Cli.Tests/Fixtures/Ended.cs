using System.Text;

namespace Tpq.Cli.Tests.Fixtures;

/// <summary>What a process that has ended left behind.</summary>
public sealed record Ended(int ExitCode, byte[] OutputBytes, string Error)
{
    public string Output => Encoding.UTF8.GetString(OutputBytes);

    /// <summary>The exit code, with all that helps to understand a wrong one.</summary>
    public Ended With(int exitCode)
    {
        Assert.True(ExitCode == exitCode, $"exit code {ExitCode}, not {exitCode}\nstdout: {Output}\nstderr: {Error}");
        return this;
    }
}
