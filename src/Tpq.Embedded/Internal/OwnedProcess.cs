using System.Diagnostics;

namespace Tpq.Embedded.Internal;

enum StopMode
{
    /// <summary>End the sessions and close the data in order.</summary>
    Fast,

    /// <summary>End at once; the next start recovers.</summary>
    Immediate,

    /// <summary>End without the program's knowledge.</summary>
    Kill,
}

/// <summary>A program that stops when its owner, this process, lets go of it or dies.</summary>
abstract class OwnedProcess(Process process) : IAsyncDisposable
{
    /// <summary>The process id of the program itself.</summary>
    internal abstract int Id { get; }

    internal bool HasExited => process.HasExited;

    /// <param name="command">The program and its arguments.</param>
    /// <param name="log">The file that gets all its words.</param>
    /// <param name="temporary">The folder to remove when the owner lets go or dies; null for none. On Windows it stays.</param>
    /// <param name="configure">Sets the account and the environment.</param>
    internal static async Task<OwnedProcess> StartAsync(
        string[] command, string log, string? temporary, Action<ProcessStartInfo> configure) =>
        OperatingSystem.IsWindows()
            ? JobProcess.Start(command, log, configure)
            : await WatchedProcess.StartAsync(command, log, temporary, configure).ConfigureAwait(false);

    /// <returns>The program's exit code.</returns>
    internal async Task<int> WaitForExitAsync(CancellationToken cancellationToken)
    {
        await process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
        return process.ExitCode;
    }

    /// <summary>Stops the program and waits for its end.</summary>
    internal async Task StopAsync(StopMode mode, CancellationToken cancellationToken)
    {
        await SignalAsync(mode).ConfigureAwait(false);
        await process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Lets go: on return the program has stopped, and a temporary folder is gone.</summary>
    public async ValueTask DisposeAsync()
    {
        await LetGoAsync().ConfigureAwait(false);
        await process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
        process.Dispose();
    }

    /// <summary>Asks for a stop; does nothing when the program has ended.</summary>
    protected abstract Task SignalAsync(StopMode mode);

    /// <summary>Begins a fast stop.</summary>
    protected abstract Task LetGoAsync();
}
