using Tpq.Embedded.Internal;

namespace Tpq.Embedded.Tests;

/// <summary>What a test needs of the machine: without it there is nothing to see, and the test is counted as skipped, with this reason.</summary>
static class Need
{
    /// <summary>PostgreSQL refuses to run as root, so root alone gives the server another account, whose rights can be missing.</summary>
    public static void Root() =>
        Assert.SkipUnless(!OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess, "Only root runs the server as another account.");

    /// <summary>Ctrl+C goes to all processes of a terminal's foreground group.</summary>
    public static void ProcessGroups() => Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no process groups to signal.");

    /// <summary>The lists and the state of a real apt are put aside; a machine without one has neither.</summary>
    public static void Apt() => Assert.SkipWhen(ProgramPath.Find("apt-get", Surroundings.Current.Path) is null, "Only Debian and its descendants have apt.");
}
