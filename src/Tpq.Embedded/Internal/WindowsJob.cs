using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Tpq.Embedded.Internal;

/// <summary>
/// A Windows job whose processes, and all they start, end when its last handle closes. Only this process has one, so that is when it ends.
/// </summary>
[SupportedOSPlatform("windows")]
static partial class WindowsJob
{
    const int ExtendedLimitInformation = 9;
    const uint KillOnJobClose = 0x2000;

    static readonly SafeFileHandle Handle = Create();

    internal static void Add(Process process) => Check(AssignProcessToJobObject(Handle, process.SafeHandle));

    static SafeFileHandle Create()
    {
        SafeFileHandle job = CreateJobObject(attributes: 0, name: null);
        var limits = new ExtendedLimits { Flags = KillOnJobClose };
        Check(!job.IsInvalid && SetInformationJobObject(job, ExtendedLimitInformation, in limits, Marshal.SizeOf<ExtendedLimits>()));
        return job;
    }

    static void Check(bool success)
    {
        if (!success)
            throw new Win32Exception();
    }

    /// <summary>JOBOBJECT_EXTENDED_LIMIT_INFORMATION of a 64-bit process, of which only the flags are set.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 144)]
    struct ExtendedLimits
    {
        [FieldOffset(16)]
        internal uint Flags;
    }

    [LibraryImport("kernel32", EntryPoint = "CreateJobObjectW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    private static partial SafeFileHandle CreateJobObject(nint attributes, string? name);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool SetInformationJobObject(SafeFileHandle job, int kind, in ExtendedLimits limits, int size);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool AssignProcessToJobObject(SafeFileHandle job, SafeProcessHandle process);
}
