using System.Text.Json;

namespace Tpq.Cli.Demo;

/// <summary>What the demo's consumers read of an order.</summary>
readonly record struct Order(long Number, long Cents)
{
    public static Order Read(TpqMessage message)
    {
        using var json = JsonDocument.Parse(message.Utf8Json);
        return new Order(json.RootElement.GetProperty("order").GetInt64(), json.RootElement.GetProperty("cents").GetInt64());
    }
}
