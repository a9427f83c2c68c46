using System.Buffers;
using System.Diagnostics;
using System.Globalization;

namespace Tpq.Cli;

/// <summary>What becomes of a message in hand: it is written to standard output, or given to a command.</summary>
/// <param name="format">How it is written.</param>
/// <param name="command">The command as words, for which no shell is asked; null for none.</param>
/// <param name="line">The command as a line for the shell; null for none.</param>
sealed class Handler(MessageFormat format, IReadOnlyList<string>? command, string? line)
{
    /// <summary>More is not gathered for one write.</summary>
    const int LargestWrite = 4 * 1024 * 1024;

    /// <summary>Whether a failure may be the message's, so that going on with it after a pause makes sense.</summary>
    public bool IsCommand => command is not null || line is not null;

    /// <returns>The exit code of the command; 0 where there is none.</returns>
    public async Task<int> HandleAsync(TpqMessage message, CancellationToken cancellationToken)
    {
        if (!IsCommand)
        {
            await WriteAsync([message], cancellationToken);
            return 0;
        }
        var input = new ArrayBufferWriter<byte>();
        MessageWriter.Write(input, message, format);
        ProcessStartInfo start = command is not null ? ChildProcess.Words(command) : ChildProcess.Line(line!);
        start.Environment["TPQ_QUEUE"] = message.Queue;
        start.Environment["TPQ_ID"] = message.Id.ToString(CultureInfo.InvariantCulture);
        start.Environment["TPQ_ATTEMPTS"] = message.Attempts.ToString(CultureInfo.InvariantCulture);
        Trace.Pass(message, start.Environment);
        return await ChildProcess.RunAsync(start, input.WrittenMemory);
    }

    /// <summary>Writes them, in one write unless they are large. They have reached the system when it returns.</summary>
    public async Task WriteAsync(IReadOnlyList<TpqMessage> messages, CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>();
        foreach (TpqMessage message in messages)
        {
            if (buffer.WrittenCount + message.Utf8Json.Length > LargestWrite && buffer.WrittenCount > 0)
            {
                await StandardOutput.WriteAsync(buffer.WrittenMemory, cancellationToken);
                buffer.ResetWrittenCount();
            }
            MessageWriter.Write(buffer, message, format);
        }
        await StandardOutput.WriteAsync(buffer.WrittenMemory, cancellationToken);
    }
}
