// A consumer whose handler takes all the memory that there is for the message "all", and ends with any other one: `Tpq.Glutton url schema`. It prints the
// attempts of each message that it is given.
using Tpq;

await using var client = new TpqClient(args[0], new TpqClientOptions { Schema = args[1] });
using var stop = new CancellationTokenSource();
var taken = new List<byte[]>();
await client.Queue("orders").ConsumeAsync(async (delivery, _) =>
{
    Console.WriteLine(delivery.Message.Attempts);
    while (delivery.Message.Json == "\"all\"")
    {
        byte[] some = GC.AllocateUninitializedArray<byte>(10_000_000);
        // Memory is taken when it is written to.
        Array.Fill(some, (byte)1);
        taken.Add(some);
    }
    await stop.CancelAsync();
}, new TpqConsumeOptions { MaxAttempts = 2 }, stop.Token);
