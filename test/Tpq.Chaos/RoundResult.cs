using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tpq.Chaos;

/// <summary>What a round has shown; a line of the record.</summary>
/// <param name="Seed">Repeats what is chance.</param>
/// <param name="Ended">When that was.</param>
/// <param name="Server">PostgreSQL's version.</param>
/// <param name="Standby">Whether there was one, and which.</param>
/// <param name="Seconds">How long faults struck.</param>
/// <param name="Books">The messages.</param>
/// <param name="Stuck">How often a message waited longer than its bound.</param>
/// <param name="Processes">How many processes were started.</param>
/// <param name="GaveUp">How many of them ended because of an error.</param>
/// <param name="Recoveries">For each kind of fault: of each one that struck, how many milliseconds it took until a message put then was handled.</param>
/// <param name="Problems">All that is not as it should be; none, and the round is passed.</param>
sealed record RoundResult(
    int Seed, DateTimeOffset Ended, string Server, Standby Standby, int Seconds, Books Books, int Stuck, int Processes, int GaveUp,
    IReadOnlyDictionary<string, List<int>> Recoveries, IReadOnlyList<string> Problems)
{
    /// <summary>Adds it to the file, where rounds of many days add up.</summary>
    public void AppendTo(string file) => File.AppendAllText(file, JsonSerializer.Serialize(this, RecordJson.Default.RoundResult) + "\n");

    public static IEnumerable<RoundResult> ReadAll(string file) => File.ReadLines(file).Select(static line => JsonSerializer.Deserialize(line, RecordJson.Default.RoundResult)!);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(RoundResult))]
sealed partial class RecordJson : JsonSerializerContext;
