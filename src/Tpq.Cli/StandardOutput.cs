using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;

namespace Tpq.Cli;

/// <summary>Standard output as bytes, of which every write has reached the system when it returns.</summary>
/// <remarks>
/// On Unix it calls write itself: the runtime's console stream takes a closed pipe for success, upon which the message would be removed
/// unread, and its file stream keeps a position of its own, which overwrites what others write to the same open file.
/// </remarks>
static partial class StandardOutput
{
    const int Descriptor = 1;
    const int BrokenPipe = 32, Interrupted = 4;
    const short PollOut = 4;

    static int TryAgain => OperatingSystem.IsLinux() ? 11 : 35;

    /// <summary>Writes all of it. Cancelled, it leaves behind a thread that may still write.</summary>
    /// <exception cref="BrokenPipeException">Nobody reads any more.</exception>
    /// <exception cref="CliException">The disk is full, for example.</exception>
    public static Task WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!StandardStreams.HasOutput)
            throw new CliException("Could not write to standard output: it is closed.", ExitCode.ConsumerFailed);
        return Task.Run(() => Write(bytes.Span), cancellationToken).WaitAsync(cancellationToken);
    }

    /// <summary>Writes text, in UTF-8.</summary>
    public static Task WriteTextAsync(string text, CancellationToken cancellationToken) =>
        WriteAsync(Encoding.UTF8.GetBytes(text), cancellationToken);

    static void Write(ReadOnlySpan<byte> bytes)
    {
        if (!OperatingSystem.IsWindows())
        {
            WriteUnix(bytes);
            return;
        }
        using Stream stream = Console.OpenStandardOutput();
        stream.Write(bytes);
        stream.Flush();
    }

    static void WriteUnix(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            nint written = Write(Descriptor, bytes, bytes.Length);
            if (written >= 0)
            {
                bytes = bytes[(int)written..];
                continue;
            }
            int error = Marshal.GetLastPInvokeError();
            if (error == BrokenPipe)
                throw new BrokenPipeException();
            if (error == TryAgain)
                WaitUntilWritable();
            else if (error != Interrupted)
                throw new CliException($"Could not write to standard output: {new Win32Exception(error).Message}.", ExitCode.ConsumerFailed);
        }
    }

    /// <summary>Another process that has the same pipe may have made it one that does not wait.</summary>
    static void WaitUntilWritable()
    {
        var wanted = new PollRequest { Descriptor = Descriptor, Events = PollOut };
        _ = Poll(ref wanted, 1, -1);
    }

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int descriptor, ReadOnlySpan<byte> bytes, nint count);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(ref PollRequest request, nuint count, int timeout);

    struct PollRequest
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
