using System.Text;
using Shop.Worker;
using Tpq;

namespace Shop.Tests;

/// <summary>A handler's own decisions need no database, and a message can be made by hand.</summary>
public sealed class ShipOrderTests
{
    [Fact]
    public void AShipment_IsLabelledWithTheOrder() => Assert.Equal("7: tea", ShipOrder.Ship(new OrderPlaced(7, "tea")).Label);

    [Fact]
    public void AnOrderForNothing_IsNotShipped() => Assert.Throws<ArgumentException>(() => ShipOrder.Ship(new OrderPlaced(7, "")));

    [Fact]
    public void TheMessage_IsReadAsItIsWritten()
    {
        var message = new TpqMessage(ShopDatabase.Queue, 1, Encoding.UTF8.GetBytes("""{"OrderId": 7, "Item": "tea"}"""));
        Assert.Equal(new OrderPlaced(7, "tea"), message.Deserialize(ShopJson.Default.OrderPlaced));
    }
}
