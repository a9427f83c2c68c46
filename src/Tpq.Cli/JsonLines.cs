using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Tpq.Cli;

/// <summary>One JSON value per line, read in the memory of one line. Blank lines are skipped; a line may end in CR LF.</summary>
/// <param name="reader">The input.</param>
sealed class JsonLines(PipeReader reader)
{
    /// <summary>How much of what is not read yet has no line break in it; a long line is not searched from its start each time.</summary>
    long _searched;

    /// <summary>The number of the line that was read last, counted from 1.</summary>
    public long Number { get; private set; }

    /// <summary>How many bytes were read.</summary>
    public long Position { get; private set; }

    public async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            // A read of a terminal or a pipe cannot be cancelled, only left.
            ReadResult read = await reader.ReadAsync(CancellationToken.None).AsTask().WaitAsync(cancellationToken);
            ReadOnlySequence<byte> rest = read.Buffer;
            while (TryReadLine(ref rest, read.IsCompleted, out ReadOnlySequence<byte> line))
            {
                if (ToMessage(line) is { } message)
                    yield return message;
            }
            reader.AdvanceTo(rest.Start, rest.End);
            if (read.IsCompleted)
                yield break;
        }
    }

    bool TryReadLine(ref ReadOnlySequence<byte> rest, bool isEnd, out ReadOnlySequence<byte> line)
    {
        if (rest.Slice(_searched).PositionOf((byte)'\n') is { } end)
        {
            line = rest.Slice(0, end);
            rest = rest.Slice(rest.GetPosition(1, end));
            Position += line.Length + 1;
        }
        else if (isEnd && !rest.IsEmpty)
        {
            line = rest;
            rest = rest.Slice(rest.End);
            Position += line.Length;
        }
        else
        {
            line = default;
            _searched = rest.Length;
            return false;
        }
        _searched = 0;
        Number++;
        return true;
    }

    ReadOnlyMemory<byte>? ToMessage(ReadOnlySequence<byte> line)
    {
        ReadOnlyMemory<byte> bytes = line.ToArray();
        if (Number == 1 && bytes.Span.StartsWith("\uFEFF"u8))
            bytes = bytes["\uFEFF"u8.Length..];
        if (bytes.Span.EndsWith("\r"u8))
            bytes = bytes[..^1];
        return bytes.Span.Trim(" \t\r"u8).IsEmpty ? default(ReadOnlyMemory<byte>?) : bytes;
    }
}
