using System.Diagnostics;
using System.Text.RegularExpressions;
using Tpq.Docs.Tests.Fixtures;

namespace Tpq.Docs.Tests;

/// <summary>
/// The shell's examples of a page are run by bash, all of a page as one script, in a schema and a folder of their own, with <c>tpq</c> as the
/// built command. Each line has to succeed. Standard output has to be what the comments say, and nothing else: <c># prints …</c> behind a
/// line, or on lines of its own below. In it "…" stands for any text.
/// </summary>
public sealed partial class ShellTests(Server server)
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Lines that are not run here: CI runs those of README and CONTRIBUTING as commands of their own; others want a package registry, or name a
    /// server that is not there.
    /// </summary>
    static readonly string[] Elsewhere =
    [
        "export TPQ_URL=postgresql://user:password@localhost/foobar",
        "dotnet run --project src/Tpq.Cli -- demo",
        "dotnet build -warnaserror",
        "dotnet test",
        "dotnet test --project test/Tpq.Tests",
        "dotnet test --project test/Tpq.Tests --filter-method '*Put_ReturnsRisingIds'",
        "dotnet format --verify-no-changes",
        "dotnet restore --force-evaluate",
        "TPQ_TEST_URL=postgresql://postgres:secret@localhost:5433/postgres dotnet test",
        ".ci/run",
        "dotnet add package Tpq",
        "dotnet pack src/Tpq.Cli --output packages",
        "dotnet tool install Tpq.Cli --global --source packages",
    ];

    public static TheoryData<string> Pages => [.. Block.All("sh").Select(b => b.Page).Distinct()];

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task EveryShellExample_Runs_AndPrintsWhatItSays(string page)
    {
        string[] lines = [.. Block.Of(page, "sh").SelectMany(b => b.Text.Split('\n')).Where(l => l.Length > 0 && !Elsewhere.Contains(l))];
        (int exitCode, string output, string error) = await RunAsync(string.Join('\n', lines));
        Assert.True(exitCode == 0, $"{page}: exit code {exitCode}\n{output}\n{error}");
        string expected = string.Concat(lines.Select(l => Prints().Match(l)).Where(m => m.Success).Select(m => m.Groups["text"].Value.TrimEnd() + "\n"));
        Assert.Matches($"^{Regex.Escape(expected).Replace("…", ".*", StringComparison.Ordinal)}$", output);
    }

    /// <summary>The test of the test.</summary>
    [Theory]
    [InlineData("tpq count orders", 3, "")]
    [InlineData("false; true", 1, "")]
    [InlineData("tpq create orders; echo 1 | tpq put orders; tpq count orders", 0, "1\n")]
    public async Task AScript_EndsWithItsFirstFailure(string script, int exitCode, string output)
    {
        var ended = await RunAsync(script);
        Assert.Equal((exitCode, output), (ended.ExitCode, ended.Output));
    }

    async Task<(int ExitCode, string Output, string Error)> RunAsync(string script)
    {
        string schema = $"tpq_docs_{Guid.NewGuid():N}";
        await server.ExecuteAsync($"CREATE SCHEMA {schema}");
        string folder = Directory.CreateTempSubdirectory("tpq-docs-").FullName;
        try
        {
            string command = Path.Combine(AppContext.BaseDirectory, "Tpq.Cli.dll");
            var start = new ProcessStartInfo("bash", ["-c", $"set -euo pipefail\ntpq() {{ dotnet '{command}' \"$@\"; }}\n{script}"])
            {
                WorkingDirectory = folder,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.Environment["TPQ_URL"] = server.UrlOf(schema);
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
            try
            {
                await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Patience);
            }
            catch (TimeoutException)
            {
                process.Kill(entireProcessTree: true);
                throw;
            }
            return (process.ExitCode, await output, await error);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
            await server.ExecuteAsync($"DROP SCHEMA {schema} CASCADE");
        }
    }

    [GeneratedRegex("# prints (?<text>.*)$")]
    private static partial Regex Prints();
}
