using System.Diagnostics;
using System.Globalization;

namespace Tpq.Cli;

/// <summary>What becomes of a message in hand: it is written to standard output, or given to a command.</summary>
/// <param name="format">How it is written.</param>
/// <param name="command">The command as words, for which no shell is asked; null for none.</param>
/// <param name="line">The command as a line for the shell; null for none.</param>
sealed class Handler(MessageFormat format, IReadOnlyList<string>? command, string? line)
{
    /// <summary>Whether a failure may be the message's, so that going on with it after a pause makes sense.</summary>
    public bool IsCommand => command is not null || line is not null;

    /// <returns>The exit code of the command; 0 where there is none.</returns>
    public async Task<int> HandleAsync(TpqMessage message, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> bytes = MessageWriter.Write(message, format);
        if (!IsCommand)
        {
            await StandardOutput.WriteAsync(bytes, cancellationToken);
            return 0;
        }
        ProcessStartInfo start = command is not null ? ChildProcess.Words(command) : ChildProcess.Line(line!);
        start.Environment["TPQ_QUEUE"] = message.Queue;
        start.Environment["TPQ_ID"] = message.Id.ToString(CultureInfo.InvariantCulture);
        start.Environment["TPQ_ATTEMPTS"] = message.Attempts.ToString(CultureInfo.InvariantCulture);
        return await ChildProcess.RunAsync(start, bytes);
    }
}
