using System.Text.Json.Serialization;

namespace Tpq.Hosting.Tests.Fixtures;

public sealed record Order(long Id, string Item);

[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(int?))]
sealed partial class Json : JsonSerializerContext;
