// Consumers that nothing wakes but the bell: `Tpq.Sleeper url schema consumers`. Each writes its messages, numbers, into the table "ledger" in the
// message's transaction. It says when they are at work, and, for each line of its standard input, whether the bell wakes whoever of them sleeps; and ends with that.
using System.Globalization;
using Npgsql;
using Tpq;

await using var client = new TpqClient(args[0], new TpqClientOptions { Schema = args[1], LooksByClock = false });
TpqQueue queue = client.Queue("orders");
using var stop = new CancellationTokenSource();
Task[] consumers = [.. Enumerable.Range(0, int.Parse(args[2], CultureInfo.InvariantCulture)).Select(async _ =>
{
    while (!stop.IsCancellationRequested)
    {
        await using TpqDelivery delivery = (await queue.GetAsync(Timeout.InfiniteTimeSpan, stop.Token))!;
        await using var write = new NpgsqlCommand($"INSERT INTO \"{args[1]}\".ledger VALUES ($1)", delivery.Connection);
        write.Parameters.Add(new() { Value = long.Parse(delivery.Message.Json, CultureInfo.InvariantCulture) });
        await write.ExecuteNonQueryAsync();
        await delivery.CommitAsync();
    }
})];
Console.WriteLine("ready");
Task ended = Task.Run(async () =>
{
    while (await Console.In.ReadLineAsync() is not null)
        Console.WriteLine(client.State("orders").Sleepers.AreServed);
});
Task first = await Task.WhenAny([ended, .. consumers]);
if (first != ended)
    await first;
await stop.CancelAsync();
await Task.WhenAll(consumers).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
