using Tpq;

namespace Shop.Worker;

/// <summary>Ships an order. Its row and the removal of the message are one transaction: so it is shipped once, however often it is tried.</summary>
public sealed class ShipOrder(ShopContext db) : ITpqHandler<OrderPlaced>
{
    public async Task HandleAsync(OrderPlaced body, TpqDelivery delivery, CancellationToken cancellationToken)
    {
        await db.JoinAsync(delivery, cancellationToken);
        db.Shipments.Add(Ship(body));
        await db.SaveChangesAsync(cancellationToken);
    }

    /// <summary>What there is to decide, without a database: the part that is tested by itself.</summary>
    public static Shipment Ship(OrderPlaced order) => order.Item.Length == 0
        ? throw new ArgumentException($"Order {order.OrderId} is for nothing.")
        : new Shipment { OrderId = order.OrderId, Label = $"{order.OrderId}: {order.Item}" };
}
