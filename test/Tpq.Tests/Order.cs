using System.Text.Json.Serialization;

namespace Tpq.Tests;

public sealed record Order(long Id, string? Item = null);

[JsonPolymorphic]
[JsonDerivedType(typeof(Removal), "removal")]
public abstract record Change;

public sealed record Removal : Change;

[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(Change))]
[JsonSerializable(typeof(string))]
sealed partial class TestJson : JsonSerializerContext;
