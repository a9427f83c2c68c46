using System.Text;
using CsCheck;
using Tpq.Cli;
using Tpq.Cli.Tests.Fixtures;
using Tpq.Fuzz.Tests.Fixtures;
using Server = Tpq.Tests.Fixtures.Server;

namespace Tpq.Fuzz.Tests;

/// <summary>What comes to the command by its standard input.</summary>
public sealed class LinesFuzz(Server server) : CommandFuzz(server)
{
    static readonly Gen<byte[]> Line = Gen.OneOf(
        NearlyJson.Bytes(most: 1), Gen.OneOf("{\"a\": 1}", "1", " ", "").Select(Encoding.UTF8.GetBytes),
        Gen.Byte.Array[0, 6], Gen.Int[1, 300_000].Select(n => Encoding.UTF8.GetBytes($"\"{new string('x', n)}\"")));

    static readonly Gen<byte[]> Input = Gen.Select(Line.Array[0, 6], Gen.OneOf("\n", "\r\n"), Gen.OneOf("", "\ufeff"), (lines, end, mark) =>
        (byte[])[.. Encoding.UTF8.GetBytes(mark), .. lines.SelectMany(l => (byte[])[.. l, .. Encoding.UTF8.GetBytes(end)])]);

    [Fact]
    public async Task Lines_AreAllPut_OrNoneAndTheLineIsNamed()
    {
        TpqQueue queue = await NewQueueAsync();
        await Input.SampleAsync(async input =>
        {
            Ended ended = await RunAsync(input, ["put", "orders", "--lines", $"--schema={Schema}"]);
            byte[][] messages = [.. Messages(input)];
            int odd = Array.FindIndex(messages, m => !NearlyJson.IsJson(m));
            await using TpqBatch? batch = await queue.GetManyAsync(messages.Length + 1, cancellationToken: Token);
            if (odd < 0)
            {
                ended.With(ExitCode.Done);
                Assert.Equal(messages, batch?.Select(m => m.Utf8Json.ToArray()) ?? []);
            }
            else
            {
                ended.With(ExitCode.Usage);
                Assert.Matches($@"^Line {LineOf(input, odd)}: not a JSON value: .* \(column [\d,]+\)\. Nothing was put\.\n$", ended.Error);
                Assert.Null(batch);
            }
            await (batch?.CommitAsync(Token) ?? Task.CompletedTask);
        }, iter: Amount.Of(10), threads: 1);
    }

    [Fact]
    public async Task OneMessage_IsPutAndComesOut_OrIsRefused()
    {
        TpqQueue queue = await NewQueueAsync();
        await Input.SampleAsync(async input =>
        {
            Ended ended = await RunAsync(input, ["put", "orders", $"--schema={Schema}"]);
            if (ended.ExitCode == ExitCode.Done)
            {
                Ended got = await RunAsync([], ["get", "orders", "--raw", $"--schema={Schema}"]);
                Assert.Equal(Encoding.UTF8.GetString(input).Trim("\ufeff\r\n \t".ToCharArray()), got.With(ExitCode.Done).Output.Trim());
            }
            else
            {
                ended.With(ExitCode.Usage);
                Assert.Equal(0, await queue.CountAsync(Token));
            }
        }, iter: Amount.Of(6), threads: 1);
    }

    /// <summary>The lines that are not blank, without a mark before the first and a CR at the end.</summary>
    static IEnumerable<byte[]> Messages(byte[] input) => Split(input).Where(line => !IsBlank(line));

    static bool IsBlank(byte[] line) => line.All(b => b is (byte)' ' or (byte)'\t' or (byte)'\r');

    static int LineOf(byte[] input, int message) => Split(input).Index().Where(line => !IsBlank(line.Item)).ElementAt(message).Index + 1;

    static IEnumerable<byte[]> Split(byte[] input)
    {
        byte[] text = input.AsSpan().StartsWith("\ufeff"u8) ? input[3..] : input;
        while (text.Length > 0)
        {
            int end = Array.IndexOf(text, (byte)'\n');
            byte[] line = end < 0 ? text : text[..end];
            yield return line is [.., (byte)'\r'] ? line[..^1] : line;
            text = end < 0 ? [] : text[(end + 1)..];
        }
    }
}
