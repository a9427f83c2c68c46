using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Tpq.Docs.Tests.Fixtures;

/// <summary>
/// A C# example, compiled against the built library as the top-level statements of a program: so a fragment stands in a method, and usings
/// before it and types after it are what they seem. Every warning is an error.
/// </summary>
static class Snippet
{
    /// <summary>The usings of a new project, and what the pages are about.</summary>
    const string Usings =
        """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Threading;
        global using System.Threading.Tasks;
        global using Npgsql;
        global using Tpq;
        global using Dapper;
        global using Microsoft.EntityFrameworkCore;
        global using Tpq.Docs.Tests.Fixtures;
        global using static Tpq.Docs.Tests.Fixtures.Prelude;
        """;

    static readonly CSharpParseOptions ParseOptions = new(LanguageVersion.Latest);

    /// <summary>As the SDK has it, a library may have been built against an older version of another.</summary>
    static readonly CSharpCompilationOptions Options = new(
        OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable, generalDiagnosticOption: ReportDiagnostic.Error,
        specificDiagnosticOptions: [new("CS1701", ReportDiagnostic.Suppress), new("CS1702", ReportDiagnostic.Suppress)]);

    static readonly MetadataReference[] References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(path => MetadataReference.CreateFromFile(path)),
    ];

    static int _count;

    /// <summary>The errors and warnings of an example, by the lines of its page.</summary>
    /// <param name="block">The example.</param>
    /// <param name="more">What it needs beside <see cref="Usings"/>, in C#.</param>
    public static IReadOnlyList<string> Errors(Block block, string more = "") => [.. Compile(block, more).GetDiagnostics().Where(IsError).Select(d => Describe(d, block))];

    /// <summary>Compiles an example and runs it.</summary>
    public static async Task RunAsync(Block block, string more = "")
    {
        CSharpCompilation compilation = Compile(block, more);
        using var image = new MemoryStream();
        Assert.Equal([], compilation.Emit(image).Diagnostics.Where(IsError).Select(d => Describe(d, block)));
        image.Position = 0;
        // In the default context its types can be found by their names.
        Type program = AssemblyLoadContext.Default.LoadFromStream(image).GetType("Program")!;
        object? result = program.GetMethod("<Main>$", BindingFlags.Static | BindingFlags.NonPublic)!.Invoke(null, [Array.Empty<string>()]);
        await (result as Task ?? Task.CompletedTask);
    }

    static CSharpCompilation Compile(Block block, string more)
    {
        SyntaxTree[] trees = [.. ((string[])[Usings, more, block.Text]).Select(text => CSharpSyntaxTree.ParseText(text, ParseOptions))];
        string name = $"Snippet{Interlocked.Increment(ref _count)}";
        CSharpCompilation compilation = CSharpCompilation.Create(name, trees, References, Options);
        if (!block.Text.Contains("JsonSerializerContext", StringComparison.Ordinal))
            return compilation;
        CSharpGeneratorDriver.Create(JsonGenerators(), parseOptions: ParseOptions)
            .RunGeneratorsAndUpdateCompilation(compilation, out Compilation generated, out _);
        return (CSharpCompilation)generated;
    }

    /// <summary>System.Text.Json's source generator, from the SDK's reference pack.</summary>
    static ISourceGenerator[] JsonGenerators()
    {
        string runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        string packs = Path.GetFullPath(Path.Combine(runtime, "..", "..", "..", "packs", "Microsoft.NETCore.App.Ref"));
        string path = Directory.EnumerateFiles(packs, "System.Text.Json.SourceGeneration.dll", SearchOption.AllDirectories)
            .Single(f => f.Contains($"{Path.DirectorySeparatorChar}{Environment.Version.Major}.", StringComparison.Ordinal));
        return [.. new AnalyzerFileReference(path, new Loader()).GetGenerators(LanguageNames.CSharp)];
    }

    static bool IsError(Diagnostic diagnostic) => diagnostic.Severity == DiagnosticSeverity.Error;

    static string Describe(Diagnostic diagnostic, Block block) =>
        $"{block.Page}:{block.Line + diagnostic.Location.GetLineSpan().StartLinePosition.Line + 1}: {diagnostic.Id} {diagnostic.GetMessage(null)}";

    sealed class Loader : IAnalyzerAssemblyLoader
    {
        public void AddDependencyLocation(string fullPath)
        {
        }

        public Assembly LoadFromPath(string fullPath) => Assembly.LoadFrom(fullPath);
    }
}
