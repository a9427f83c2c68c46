using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

/// <summary>What a message allocates, beside nobody else. The benchmark has the exact figures, of a build that is optimized; here is what they must not become.</summary>
[Collection(Alone.Name)]
public sealed class AllocationTests(Server server) : DatabaseTest(server)
{
    /// <summary>Of its text there is one copy, the one that the taker is given: none to send it, and no string.</summary>
    [Fact]
    public async Task AMessageOfBytes_IsAllocatedOnce_WhenItIsTaken()
    {
        byte[] json = [(byte)'"', .. Enumerable.Repeat((byte)'x', 1_000_000), (byte)'"'];
        Assert.InRange(await AllocateAsync(json, cycles: 10), json.Length, 1.5 * json.Length);
    }

    /// <summary>The rest is of a fixed size.</summary>
    [Fact]
    public async Task AMessageOfOneByte_AllocatesLittle() => Assert.InRange(await AllocateAsync("1"u8.ToArray(), cycles: 1_000), 1, 16 * 1024);

    /// <summary>The bytes for each message that is put, taken and committed.</summary>
    async Task<double> AllocateAsync(ReadOnlyMemory<byte> json, int cycles)
    {
        TpqQueue queue = await NewQueueAsync();
        // Until everything is prepared, and the driver has its buffers.
        await CycleAsync(20);
        long before = GC.GetTotalAllocatedBytes(precise: true);
        await CycleAsync(cycles);
        return (double)(GC.GetTotalAllocatedBytes(precise: true) - before) / cycles;

        async Task CycleAsync(int times)
        {
            for (int n = 0; n < times; n++)
            {
                await queue.PutAsync(json, Token);
                await using TpqDelivery? delivery = await queue.GetAsync(cancellationToken: Token);
                Assert.Equal(json.Length, delivery!.Message.Utf8Json.Length);
                await delivery.CommitAsync(Token);
            }
        }
    }
}
