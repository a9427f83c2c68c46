// A host as users write them, compiled ahead of time: each kind of consumer puts what it has handled into the queue "done". A held order of nothing
// fails, and a leased one of patience is handled until the host stops. CI publishes it and runs it: .ci/run.
using System.Text.Json.Serialization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Tpq;

HostApplicationBuilder builder = Host.CreateApplicationBuilder(args);
builder.Services.AddScoped<Record>();
builder.Services.AddTpq()
    .AddQueue("done", create: true)
    .AddQueue("leased", create: true)
    .AddQueue("method", create: true)
    .AddConsumer<Held, Order>("held", AppJson.Default.Order)
    .AddLeasedConsumer<Leased, Order>("leased", AppJson.Default.Order)
    .AddConsumer("method", static (services, _, cancellationToken) => services.GetRequiredService<Record>().AddAsync("method", cancellationToken));
await builder.Build().RunAsync();

sealed class Held(Record record) : ITpqHandler<Order>
{
    public async Task HandleAsync(Order body, TpqDelivery delivery, CancellationToken cancellationToken)
    {
        await record.AddAsync($"held {body.Item}", cancellationToken);
        ArgumentException.ThrowIfNullOrEmpty(body.Item);
    }
}

sealed class Leased(Record record) : ITpqLeaseHandler<Order>
{
    public async Task HandleAsync(Order body, TpqLease lease, CancellationToken cancellationToken)
    {
        await record.AddAsync($"leased {body.Item}", cancellationToken);
        if (body.Item == "patience")
            await Task.Delay(Timeout.Infinite, cancellationToken);
    }
}

/// <summary>Writes in the transaction of the message, where it has one.</summary>
sealed class Record(TpqMessage message, IServiceProvider services, [FromKeyedServices("done")] TpqQueue done)
{
    public Task AddAsync(string what, CancellationToken cancellationToken)
    {
        var put = TpqPut.Create(what, AppJson.Default.String);
        return message.Queue == "leased" ? done.PutAsync(put, cancellationToken) : done.In(services.GetRequiredService<TpqDelivery>().Transaction).PutAsync(put, cancellationToken);
    }
}

sealed record Order(string Item);

[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(string))]
sealed partial class AppJson : JsonSerializerContext;
