using System.Diagnostics;
using CsCheck;
using Tpq.Cli.Tests.Fixtures;
using Tpq.Fuzz.Tests.Fixtures;
using Server = Tpq.Tests.Fixtures.Server;

namespace Tpq.Fuzz.Tests;

/// <summary>Command lines of every verb, damaged.</summary>
public sealed class CommandLineFuzz(Server server) : CommandFuzz(server)
{
    /// <summary>How long a line may go on that says so, before it is ended as by Ctrl+C.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>A word that ends the command before anything private is started.</summary>
    const string Nowhere = "--url=postgresql://127.0.0.1:1/nowhere";

    static readonly string[] Lines =
    [
        "produce orders", "put orders --lines --batch=2", "put orders --delay=2h --create", "put orders --file=-", "put orders --file=/nowhere", "consume orders", "get orders --wait=0.1 --count=3",
        "get orders other --raw", "get orders --envelope -- cat", "get orders --exec=cat", "get orders --follow --wait=0.1 --concurrency=2 --max-attempts=1 --backoff=1ms --exec=false",
        "get orders --follow --wait=0.1 --lease=1s -- cat", "create new --notify=always", "pause orders", "resume orders", "upgrade orders", "schema orders --notify=never", "drop precious", "clear precious",
        "drop new --yes", "clear orders --yes", "count orders", "count --prefix=x_ orders", "delete orders 7", "peek orders --count=3 --json", "list --json", "list --debug", "move orders other --count=1",
        "list --quiet", "dev --help", "demo --help", "--version", "count -- orders", $"list {Nowhere}",
    ];

    static readonly string[] Words =
    [
        "", "-", "--", "---", "-h", "--help", "--version", "--yes", "--json", "--lines", "--follow", "--raw", "--envelope", "--create", "--debug", "--quiet", "--wait=0", "--wait=-1", "--wait=", "--wait=1e9", "--wait", "--count=0",
        "--count=-1", "--count=99999999999", "--count=", "--batch=0", "--delay=-1s", "--delay=1000d", "--delay=1001d", "--delay=0.0000000001d", "--delay=79228162514264337593543950335d", "--lease=0", "--backoff=", "--schema=", "--schema=nowhere",
        "--prefix=", "--prefix=" + "x", "--notify=", "--notify=x", "--file=", "--file=/", "--exec=", "--exec=exit 7", "--exec=kill -9 $$", "--url=", "--url=x", "--unknown", "--unknown=1", "-x", "/?", "@orders", "[x]", "orders", "other", "precious",
        "nowhere", "orders_dead", "orders_later", "é😀", "a\nb", "\u001b[31m", "%s", "0", "-1", "7", "cat", "false", "/", "count", "list", "get", "9223372036854775808", "\ufffd", "{0}", "'", "\"", "\\", "=", "--=", "--=x", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ];

    static readonly Gen<string[]> Line = Gen.Select(Gen.OneOf(Lines), Gen.Select(Gen.Int[0, 3], Gen.Int[0, 20], Gen.Int[0, 20], Gen.OneOf(Words)).Array[0, 4], (line, changes) =>
        changes.Aggregate(line.Split(' '), (words, change) => Changed(words, change.Item1, change.Item2, change.Item3, change.Item4)))
        .Where(IsHarmless);

    [Fact]
    public async Task AnyLine_EndsAsDocumented_AndNothingIsDroppedUnasked()
    {
        TpqQueue orders = await NewQueueAsync(), precious = await NewQueueAsync("precious");
        await Client.Queue("other").CreateAsync(cancellationToken: Token);
        await precious.PutManyAsync(["1", "2", "3"], Token);
        await Line.SampleAsync(async line =>
        {
            if (await orders.ExistsAsync(Token))
                await orders.PutManyAsync(["7", "{\"a\":\n8}"], Token);
            string[] args = [.. line, .. line.Contains("--") ? Array.Empty<string>() : [$"--schema={Schema}"]];
            using Running running = new(Start(args, ("TPQ_URL", $"{Server.Url}?options=-c%20search_path%3D{Schema}")));
            await FeedAsync(running, "{\"id\": 7}\n"u8.ToArray());
            if (MayGoOn(line))
                await InterruptAsync(running);
            Ended ended = await running.EndAsync();
            if (!line.Contains("--debug"))
                Sane(ended);
            Assert.Equal(3, await precious.CountAsync(Token));
        }, iter: Amount.Of(40), threads: 1, print: line => string.Join(' ', line.Select(w => $"‹{w}›")));
    }

    static string[] Changed(string[] words, int kind, int first, int second, string word)
    {
        int at = first % words.Length;
        string[] changed = kind switch
        {
            0 => [.. words[..at], .. words[(at + 1)..]],
            1 => [.. words[..at], words[second % words.Length], .. words[at..]],
            2 => [.. words[..at], word, .. words[(at + 1)..]],
            _ => [.. words[..at], word, .. words[at..]],
        };
        return changed.Length == 0 ? [word] : changed;
    }

    /// <summary>Neither a private server, which takes seconds, nor a leave to do what is looked for.</summary>
    static bool IsHarmless(string[] line) =>
        (!line.Any(w => w is "dev" or "demo") || line.Contains("--help"))
        && (!line.Contains("precious") || !line.Any(w => w is "--yes" or "get" or "consume" or "delete" or "move" or "put" or "produce"));

    static bool MayGoOn(string[] line) => line.Any(w => w.StartsWith("--follow", StringComparison.Ordinal) || w.StartsWith("--wait", StringComparison.Ordinal));

    static async Task InterruptAsync(Running running)
    {
        long start = Stopwatch.GetTimestamp();
        while (!running.HasExited && Stopwatch.GetElapsedTime(start) < Patience)
            // Between two looks whether it has ended, or has become what only a signal ends. Its patience decides.
            await Task.Delay(20, Token);
        if (!running.HasExited)
            running.Signal("TERM");
    }
}
