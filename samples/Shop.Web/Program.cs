using Shop;
using Tpq;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.Services.AddShop();

WebApplication app = builder.Build();
await ShopDatabase.CreateTablesAsync(app.Services);

app.MapPost("/orders", async (
    NewOrder body, ShopContext db, [FromKeyedServices(ShopDatabase.Queue)] TpqQueue queue, CancellationToken cancellationToken) =>
{
    // The message names the order, so the order needs its id first. One transaction around both saves: the order and its message, both or neither.
    await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
    var order = new Order { Item = body.Item };
    db.Orders.Add(order);
    await db.SaveChangesAsync(cancellationToken);
    await queue.In(db).PutAsync(new OrderPlaced(order.Id, order.Item), ShopJson.Default.OrderPlaced, cancellationToken);
    await transaction.CommitAsync(cancellationToken);
    return Results.Created($"/orders/{order.Id}", order);
});

app.MapPost("/orders/{id:long}/again", async (
    long id, ShopContext db, [FromKeyedServices(ShopDatabase.Queue)] TpqQueue queue, CancellationToken cancellationToken) =>
{
    if (await db.Orders.FindAsync([id], cancellationToken) is not { } order)
        return Results.NotFound();
    // Where the ids are known, the next save puts the message along, in its own transaction.
    db.Shipments.RemoveRange(db.Shipments.Where(s => s.OrderId == id));
    db.PutOnSave(queue, TpqPut.Create(new OrderPlaced(order.Id, order.Item), ShopJson.Default.OrderPlaced));
    await db.SaveChangesAsync(cancellationToken);
    return Results.Accepted($"/orders/{id}");
});

app.MapGet("/orders/{id:long}", async (long id, ShopContext db, CancellationToken cancellationToken) =>
    await db.Orders.FindAsync([id], cancellationToken) is { } order
        ? Results.Ok(new { order.Id, order.Item, Shipment = (await db.Shipments.FindAsync([id], cancellationToken))?.Label })
        : Results.NotFound());

await app.RunAsync();

sealed record NewOrder(string Item);

/// <summary>For the tests, which start this program.</summary>
public partial class Program;
