using System.IO.Pipelines;
using System.Text.Json;

namespace Tpq.Cli;

/// <summary>Where produce reads: a file, or standard input.</summary>
sealed class Input : IAsyncDisposable
{
    const string Dash = "-";

    readonly Stream _stream;

    Input(Stream stream, long? length)
    {
        _stream = stream;
        Length = length;
    }

    /// <summary>How many bytes there are; null where nobody knows, as of a pipe.</summary>
    public long? Length { get; }

    /// <param name="file">A path; null or <c>-</c> for standard input.</param>
    /// <param name="options">For the words on a terminal, where the command would seem to hang.</param>
    /// <exception cref="CliException">The file cannot be read.</exception>
    public static Input Open(string? file, GlobalOptions options)
    {
        if (file is null or Dash)
        {
            if (!StandardStreams.HasInput)
                throw new CliException("Could not read standard input: it is closed.", ExitCode.Usage);
            if (!Console.IsInputRedirected)
                options.Say($"Reading from standard input; {(OperatingSystem.IsWindows() ? "Ctrl+Z and Enter end" : "Ctrl+D ends")} it.");
            return new Input(Console.OpenStandardInput(), null);
        }
        try
        {
            var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            return new Input(stream, stream.CanSeek ? stream.Length : null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new CliException($"Could not read {Display.Quote(file)}: {e.Message}", ExitCode.Usage, e);
        }
    }

    public PipeReader ToPipe() => PipeReader.Create(_stream, new StreamPipeReaderOptions(bufferSize: 64 * 1024, leaveOpen: true));

    /// <summary>All of it, as one message: without a byte order mark, and without the line break that ends the last line.</summary>
    /// <exception cref="CliException">There is nothing, or more than one value.</exception>
    public async Task<ReadOnlyMemory<byte>> ReadMessageAsync(CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        // A read of a terminal or a pipe cannot be cancelled, only left.
        await _stream.CopyToAsync(buffer, CancellationToken.None).WaitAsync(cancellationToken);
        ReadOnlyMemory<byte> bytes = buffer.ToArray();
        if (bytes.Span.StartsWith("\uFEFF"u8))
            bytes = bytes["\uFEFF"u8.Length..];
        if (bytes.Span.EndsWith("\n"u8))
            bytes = bytes[..^1];
        if (bytes.Span.EndsWith("\r"u8))
            bytes = bytes[..^1];
        if (bytes.Span.Trim(" \t\r\n"u8).IsEmpty)
            throw new CliException("The input is empty; a message is one JSON value.", ExitCode.Usage);
        if (HasSeveralValues(bytes.Span))
            throw new CliException("The input holds more than one JSON value; --lines puts one per line.", ExitCode.Usage);
        return bytes;
    }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    /// <summary>What is not JSON at all is left to the library, which says why.</summary>
    static bool HasSeveralValues(ReadOnlySpan<byte> bytes)
    {
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { AllowMultipleValues = true, MaxDepth = int.MaxValue });
        try
        {
            return reader.Read() && reader.TrySkip() && reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
