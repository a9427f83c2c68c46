using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tpq.Bench.Report;

/// <summary>The raw results, from which the page can be made again.</summary>
static class ResultsFile
{
    static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Path(string output) => System.IO.Path.Combine(output, "benchmarks", "results.json");

    public static async Task<Results?> ReadAsync(string output, CancellationToken cancellationToken)
    {
        if (!File.Exists(Path(output)))
            return null;
        await using FileStream file = File.OpenRead(Path(output));
        return await JsonSerializer.DeserializeAsync<Results>(file, Options, cancellationToken);
    }

    public static async Task WriteAsync(string output, Results results, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path(output))!);
        await File.WriteAllTextAsync(Path(output), JsonSerializer.Serialize(results, Options) + "\n", cancellationToken);
    }
}
