using System.IO.Pipelines;
using System.Text.Json;

namespace Tpq.Cli;

/// <summary>Where produce reads: a file, or standard input.</summary>
sealed class Input : IAsyncDisposable
{
    const string Dash = "-";

    readonly Stream _stream;
    readonly string _name;

    Input(Stream stream, string name, long? length)
    {
        _stream = stream;
        _name = name;
        Length = length;
    }

    /// <summary>How many bytes there are; null where nobody knows, as of a pipe.</summary>
    public long? Length { get; }

    /// <param name="file">A path; null or <c>-</c> for standard input.</param>
    /// <param name="options">For the words on a terminal, where the command would seem to hang.</param>
    /// <param name="cancellationToken">Leaves a file that does not open, a named pipe to which nobody writes.</param>
    /// <exception cref="CliException">The file cannot be read.</exception>
    public static async Task<Input> OpenAsync(string? file, GlobalOptions options, CancellationToken cancellationToken)
    {
        if (file is null or Dash)
        {
            if (!StandardStreams.HasInput)
                throw new CliException("Could not read standard input: it is closed.", ExitCode.Usage);
            if (!Console.IsInputRedirected)
                options.Say($"Reading from standard input; {(OperatingSystem.IsWindows() ? "Ctrl+Z and Enter end" : "Ctrl+D ends")} it.");
            return new Input(Console.OpenStandardInput(), "standard input", null);
        }
        string name = Display.Quote(file);
        if (Directory.Exists(file))
            throw new CliException($"Could not read {name}: it is a directory.", ExitCode.Usage);
        try
        {
            FileStream stream = await Task.Run(
                () => new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0), CancellationToken.None).WaitAsync(cancellationToken);
            return new Input(stream, name, stream.CanSeek ? stream.Length : null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw Unreadable(name, e);
        }
    }

    /// <summary>What to say of an error while it was read.</summary>
    public CliException Unreadable(Exception error) => Unreadable(_name, error);

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

    static CliException Unreadable(string name, Exception error) =>
        new($"Could not read {name}: {Display.Continue(error.Message)}", ExitCode.Usage, error);

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
