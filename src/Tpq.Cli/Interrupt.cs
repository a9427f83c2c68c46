using System.Runtime.InteropServices;

namespace Tpq.Cli;

/// <summary>
/// Ctrl+C and SIGTERM. The first one cancels the token, and whatever is in hand takes the time it needs; the second one ends the process,
/// upon which the server gives back what was in hand. While `dev` runs a command Ctrl+C is the command's, which has it from the terminal too.
/// </summary>
sealed class Interrupt : IDisposable
{
    static volatile bool _isLeftToCommand;

    /// <summary>1 when the command has ended: the Ctrl+C that ended it may come to this process after the news of its end.</summary>
    static int _mayBeLate;

    readonly CancellationTokenSource _source = new();
    readonly PosixSignalRegistration[] _registrations;

    public Interrupt() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
    ];

    public static void LeaveToCommand() => _isLeftToCommand = true;

    public static void CommandHasEnded()
    {
        Volatile.Write(ref _mayBeLate, 1);
        _isLeftToCommand = false;
    }

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
        _source.Dispose();
    }

    static bool IsCommands() => _isLeftToCommand || Interlocked.Exchange(ref _mayBeLate, 0) == 1;

    void OnSignal(PosixSignalContext context)
    {
        context.Cancel = !_source.IsCancellationRequested || (context.Signal == PosixSignal.SIGINT && IsCommands());
        _source.Cancel();
    }
}
