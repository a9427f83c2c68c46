using System.Runtime.InteropServices;

namespace Tpq.Cli;

/// <summary>Which of the three standard streams the command was given.</summary>
/// <remarks>
/// A stream that a shell has closed (<c>&gt;&amp;-</c>) leaves its number free, and the runtime's first files get it: what is written there is lost
/// and looks written. What a process inherits is never marked to be closed by exec, or it would not have come through it; what the runtime opens
/// always is.
/// </remarks>
static partial class StandardStreams
{
    const int Input = 0, Output = 1, Error = 2;
    const int GetFlags = 1, CloseOnExec = 1;

    /// <summary>Keeps the numbers that were free, so that no connection gets them.</summary>
    static readonly List<SafeHandle> Fillers = [];

    public static bool HasInput { get; private set; } = true;

    public static bool HasOutput { get; private set; } = true;

    /// <summary>Looks at them, before anything else is opened, and makes words on standard error that nobody can get harmless.</summary>
    public static void Check()
    {
        bool hasError = true;
        if (!OperatingSystem.IsWindows())
        {
            HasInput = IsGiven(Input);
            HasOutput = IsGiven(Output);
            hasError = IsGiven(Error);
        }
        Console.SetError(hasError ? new LenientWriter(Console.Error) : TextWriter.Null);
    }

    static bool IsGiven(int descriptor)
    {
        int flags = GetDescriptorFlags(descriptor, GetFlags);
        if (flags < 0)
            Fillers.Add(File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite));
        return flags >= 0 && (flags & CloseOnExec) == 0;
    }

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int GetDescriptorFlags(int descriptor, int command);
}
