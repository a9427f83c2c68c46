using System.Text.Json.Serialization;

namespace Tpq.Tests;

public sealed record Order(long Id, string? Item = null);

[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(string))]
sealed partial class TestJson : JsonSerializerContext;
