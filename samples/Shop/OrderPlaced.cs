using System.Text.Json.Serialization;

namespace Shop;

/// <summary>The message. Its name and its shape are what both sides agree upon, so it is no entity.</summary>
public sealed record OrderPlaced(long OrderId, string Item);

[JsonSerializable(typeof(OrderPlaced))]
public sealed partial class ShopJson : JsonSerializerContext;
