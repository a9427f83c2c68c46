using System.Text.Json;
using System.Text.Json.Serialization;
using Tpq.Internal;

namespace Tpq.Cli;

/// <summary>A finding as JSON: its members in lower case, its severity as a word.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(SeverityWords)])]
[JsonSerializable(typeof(Finding))]
sealed partial class DiagnosisJson : JsonSerializerContext
{
    sealed class SeverityWords() : JsonStringEnumConverter<Severity>(JsonNamingPolicy.SnakeCaseLower);
}
