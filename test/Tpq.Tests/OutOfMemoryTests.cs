using System.Diagnostics;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class OutOfMemoryTests(Server server) : DatabaseTest(server)
{
    const int KilledBySignal9 = 128 + 9;

    [Fact]
    public async Task AMessageThatTakesAllMemory_DiesAtTheLimit_AndTheNextOneIsHandled()
    {
        using MemoryLimit limit = MemoryLimit.Of(200_000_000);
        TpqQueue queue = await NewQueueAsync();
        await queue.PutManyAsync(["\"all\"", "1"], Token);

        // The first death goes uncounted.
        foreach (string attempts in (string[])["0", "0", "1"])
            Assert.Equal((KilledBySignal9, $"{attempts}\n"), await ConsumeAsync(limit));
        Assert.Equal((0, "0\n"), await ConsumeAsync(limit));

        await using TpqDelivery dead = (await Client.Queue("orders_dead").GetAsync(cancellationToken: Token))!;
        Assert.Equal(("\"all\"", "2"), (dead.Message.Json, dead.Message.Headers["tpq-attempts"]));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    async Task<(int ExitCode, string Output)> ConsumeAsync(MemoryLimit limit)
    {
        string[] command = [.. limit.Command, "dotnet", Path.Combine(AppContext.BaseDirectory, "Tpq.Glutton.dll"), Server.Url, Schema];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true };
        // 4 GB, in hex: else the collector knows the group's limit, and throws before the kernel kills.
        start.Environment["DOTNET_GCHeapHardLimit"] = "100000000";
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync(Token);
        await process.WaitForExitAsync(Token);
        return (process.ExitCode, output);
    }
}
