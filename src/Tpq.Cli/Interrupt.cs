using System.Runtime.InteropServices;

namespace Tpq.Cli;

/// <summary>
/// Ctrl+C and SIGTERM. The first one cancels the token, and whatever is in hand takes the time it needs; the second one ends the process,
/// upon which the server gives back what was in hand. While `dev` runs a command Ctrl+C is the command's, which has it from the terminal too.
/// </summary>
sealed class Interrupt : IDisposable
{
    readonly CancellationTokenSource _source = new();
    readonly PosixSignalRegistration[] _registrations;

    public Interrupt() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
    ];

    public static bool IsLeftToCommand { get; set; }

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
        _source.Dispose();
    }

    void OnSignal(PosixSignalContext context)
    {
        context.Cancel = !_source.IsCancellationRequested || (IsLeftToCommand && context.Signal == PosixSignal.SIGINT);
        _source.Cancel();
    }
}
