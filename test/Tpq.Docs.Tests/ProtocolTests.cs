using System.Diagnostics;
using System.Text.RegularExpressions;
using Tpq.Docs.Tests.Fixtures;

namespace Tpq.Docs.Tests;

/// <summary>
/// The models beside the pages about the protocols are searched to the end: in no state of theirs is anything wrong. And each line that matters is
/// shown to matter: <c>#ifndef WITHOUT_…</c> takes it out, and then something is.
/// </summary>
public sealed partial class ProtocolTests(SpinPackage package) : IClassFixture<SpinPackage>
{
    const string Folder = "docs/protocols";

    static CancellationToken Token => TestContext.Current.CancellationToken;

    static string[] Models { get; } =
        [.. Directory.EnumerateFiles(Path.Combine(Repository.Root, Folder), "*.pml").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    /// <summary>Each model, with the parties that it has as it is, and with those of each of its cases.</summary>
    public static TheoryData<string, string> Cases => [.. Models.SelectMany(model => CasesOf(model).Select(c => (model, c)))];

    /// <summary>Each model without each of the lines that matter.</summary>
    public static TheoryData<string, string> Mutants => [.. Models.SelectMany(model => Names(model, "WITHOUT").Select(m => (model, m)))];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task InNoStateOfTheModel_IsAnythingWrong(string model, string parties)
    {
        Search search = await SearchAsync(model, parties);
        Assert.True(search.Errors == 0, search.Output);
        Assert.True(search.IsComplete, search.Output);
    }

    [Theory]
    [MemberData(nameof(Mutants))]
    public async Task WithoutALineThatMatters_SomethingIsWrong(string model, string line)
    {
        // The small cases are the last ones.
        foreach (string parties in CasesOf(model).Reverse())
        {
            if ((await SearchAsync(model, parties, line)).Errors > 0)
                return;
        }
        Assert.Fail($"{model}.pml holds without {line} too.");
    }

    [Fact]
    public void EachModel_HasLinesThatMatter_AndItsPageNamesThem()
    {
        Assert.Equal(["doorbell", "head-hint", "lease"], Models);
        Assert.All(Models, model =>
        {
            Assert.True(Names(model, "WITHOUT").Length >= 2, model);
            string[] named = [.. Name().Matches(Repository.Read($"{Folder}/{model}.md")).Select(m => m.Value).Distinct().Order(StringComparer.Ordinal)];
            Assert.Equal(Names(model, "WITHOUT"), named);
        });
    }

    static string[] CasesOf(string model) => ["", .. Names(model, "CASE")];

    static string[] Names(string model, string kind) => [.. Condition().Matches(Repository.Read($"{Folder}/{model}.pml"))
        .Select(m => m.Groups["name"].Value).Where(n => n.StartsWith(kind, StringComparison.Ordinal)).Distinct().Order(StringComparer.Ordinal)];

    async Task<Search> SearchAsync(string model, params string[] defined)
    {
        SpinPackage.Need();
        string spin = await package.ProgramAsync();
        string folder = Directory.CreateTempSubdirectory("tpq-model-").FullName;
        try
        {
            await RunAsync(folder, spin, [.. defined.Where(d => d.Length > 0).Select(d => $"-D{d}"), "-a", Path.Combine(Repository.Root, Folder, $"{model}.pml")]);
            // Without -O, which takes longer than it saves.
            await RunAsync(folder, "gcc", ["-w", "-DSAFETY", "-DMEMLIM=1000", "-o", "pan", "pan.c"]);
            // -E: who sleeps for ever is no error by itself. What must not be is asserted.
            return new Search(await RunAsync(folder, Path.Combine(folder, "pan"), ["-m10000", "-E"]));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    static async Task<string> RunAsync(string folder, string program, string[] args)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, args) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(Token), error = process.StandardError.ReadToEndAsync(Token);
            await process.WaitForExitAsync(Token);
            Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', args)}: {await output}{await error}");
            return await output + await error;
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    [GeneratedRegex(@"^#\s*if(n?def)? .*?(?<name>(CASE|WITHOUT)_\w+)", RegexOptions.Multiline)]
    private static partial Regex Condition();

    [GeneratedRegex(@"WITHOUT_\w+")]
    private static partial Regex Name();

    [GeneratedRegex(@"errors: (?<errors>\d+)")]
    private static partial Regex ErrorCount();

    /// <summary>What the search said.</summary>
    sealed record Search(string Output)
    {
        public int Errors => int.Parse(ErrorCount().Match(Output).Groups["errors"].Value, System.Globalization.CultureInfo.InvariantCulture);

        public bool IsComplete => !Output.Contains("Search not completed", StringComparison.Ordinal) && !Output.Contains("max search depth too small", StringComparison.Ordinal);
    }
}
