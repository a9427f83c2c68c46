using System.Globalization;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class PutManyTests(Server server) : DatabaseTest(server)
{
    [Fact]
    public async Task PutMany_KeepsTheOrder_FromEverySource()
    {
        TpqQueue queue = await NewQueueAsync();
        Assert.Equal(2, await queue.PutManyAsync(["1", "2"], Token));
        Assert.Equal(2, await queue.PutManyAsync(Streamed("3", "4"), Token));
        Assert.Equal(1, await queue.PutManyAsync([new TpqPut("5")], Token));
        Assert.Equal(1, await queue.PutManyAsync(Streamed(new TpqPut("6")), Token));
        Assert.Equal(0, await queue.PutManyAsync(Array.Empty<string>(), Token));
        Assert.Equal(["1", "2", "3", "4", "5", "6"], await DrainAsync(queue));
    }

    [Fact]
    public async Task PutMany_StoresHeaders_WhereThereAreSome()
    {
        TpqQueue queue = await NewQueueAsync();
        var headers = new Dictionary<string, string> { ["a"] = "b" };
        Assert.Equal(4, await queue.PutManyAsync(
            [new TpqPut("1"), new TpqPut("2") { Headers = headers }, new TpqPut("3"), new TpqPut("4") { Headers = headers }], Token));
        await using TpqBatch? batch = await queue.GetManyAsync(10, cancellationToken: Token);
        Assert.Equal(["1", "2", "3", "4"], batch!.Select(m => m.Json));
        Assert.Equal([0, 1, 0, 1], batch!.Select(m => m.Headers.Count));
    }

    [Fact]
    public async Task PutMany_PutsNothing_WhenOneIsNotJson()
    {
        TpqQueue queue = await NewQueueAsync();
        var error = await Assert.ThrowsAsync<TpqInvalidJsonException>(() => queue.PutManyAsync(["1", "2", "[3,\n x]", "4"], Token));
        Assert.Equal((2L, 2L, 2L), (error.Index, error.Line, error.Column));
        Assert.Equal(0, await queue.CountAsync(Token));
        Assert.Equal(1, await queue.PutManyAsync(["5"], Token));
    }

    [Fact]
    public async Task PutMany_PutsNothing_WhenItsSourceThrowsOrIsCancelled()
    {
        TpqQueue queue = await NewQueueAsync();
        await Assert.ThrowsAsync<InvalidDataException>(() => queue.PutManyAsync(Failing(), Token));
        using var cancel = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queue.PutManyAsync(Cancelling(cancel), cancel.Token));
        Assert.Equal(0, await queue.CountAsync(Token));

        static IEnumerable<string> Failing()
        {
            for (int i = 0; i < 10_000; i++)
                yield return i.ToString(CultureInfo.InvariantCulture);
            throw new InvalidDataException();
        }

        static IEnumerable<string> Cancelling(CancellationTokenSource cancel)
        {
            yield return "1";
            cancel.Cancel();
            yield return "2";
        }
    }

    [Fact]
    public async Task PutMany_StreamsInConstantMemory()
    {
        TpqQueue queue = await NewQueueAsync();
        const int count = 40_000;
        string kilobyte = $"\"{new string('x', 1000)}\"";
        await queue.PutManyAsync([kilobyte], Token);
        long before = GC.GetTotalMemory(forceFullCollection: true), most = 0;
        Assert.Equal(count, await queue.PutManyAsync(Source(), Token));
        // The source stands for 40 MB; what is alive while it runs is far less.
        Assert.InRange(most - before, long.MinValue, 20_000_000);
        Assert.Equal(count + 1, await queue.CountAsync(Token));

        IEnumerable<string> Source()
        {
            for (int i = 0; i < count; i++)
            {
                if (i % 10_000 == 9_999)
                    most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true));
                yield return kilobyte;
            }
        }
    }

    [Fact]
    public async Task PutMany_NamesTheQueue_WhenThereIsNoSuchQueue() =>
        await Assert.ThrowsAsync<TpqQueueNotFoundException>(() => Client.Queue("nope").PutManyAsync(["1"], Token));

    [Fact]
    public async Task PutMany_WithHeaders_SaysWhatToDo_WhenPythonMadeTheQueue()
    {
        TpqQueue queue = await NewPythonQueueAsync();
        Assert.Equal(1, await queue.PutManyAsync([new TpqPut("1")], Token));
        TpqPut[] headed = [new TpqPut("2"), new TpqPut("3") { Headers = new Dictionary<string, string> { ["a"] = "b" } }];
        var error = await Assert.ThrowsAsync<TpqException>(() => queue.PutManyAsync(headed, Token));
        Assert.Contains("tpq upgrade orders", error.Message, StringComparison.Ordinal);
        Assert.IsType<PostgresException>(error.InnerException);
        Assert.Equal(1, await queue.CountAsync(Token));
    }

    static async IAsyncEnumerable<T> Streamed<T>(params T[] items)
    {
        foreach (T item in items)
        {
            await Task.Yield();
            yield return item;
        }
    }

    [Fact]
    public async Task PutMany_NamesTheOneThatIsNull()
    {
        TpqQueue queue = await NewQueueAsync();
        Assert.Contains("Message 1", (await Assert.ThrowsAsync<ArgumentException>(() => queue.PutManyAsync([new TpqPut("1"), null!], Token))).Message, StringComparison.Ordinal);
        Assert.Contains("Message 1", (await Assert.ThrowsAsync<ArgumentException>(() => queue.PutManyAsync(["1", null!], Token))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>(() => { _ = queue.PutManyAsync((IAsyncEnumerable<TpqPut>)null!, Token); });
        Assert.Equal(0, await queue.CountAsync(Token));
    }
}
