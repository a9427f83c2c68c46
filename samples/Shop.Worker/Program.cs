using Shop;
using Shop.Worker;

HostApplicationBuilder builder = Host.CreateApplicationBuilder(args);
builder.Services.AddShop().AddConsumer<ShipOrder, OrderPlaced>(ShopDatabase.Queue, ShopJson.Default.OrderPlaced);

IHost host = builder.Build();
await ShopDatabase.CreateTablesAsync(host.Services);
await host.RunAsync();
