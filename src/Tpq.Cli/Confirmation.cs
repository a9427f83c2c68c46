using System.CommandLine;

namespace Tpq.Cli;

/// <summary>Asks before something is lost.</summary>
static class Confirmation
{
    public static Option<bool> Option() => new("--yes") { Description = "Do not ask. Needed where there is no terminal." };

    /// <exception cref="CliException">There is nobody to ask.</exception>
    public static async Task<bool> IsGivenAsync(string question, bool yes, CancellationToken cancellationToken)
    {
        if (yes)
            return true;
        if (!StandardStreams.HasInput || Console.IsInputRedirected || Console.IsErrorRedirected)
            throw new CliException($"{question} There is no terminal to ask on: --yes does it.", ExitCode.Usage);
        await Console.Error.WriteAsync($"{question} [y/N] ");
        // A read of a terminal cannot be cancelled, only left.
        string? answer = await Task.Run(Console.In.ReadLine, cancellationToken).WaitAsync(cancellationToken);
        return answer?.Trim().ToLowerInvariant() is "y" or "yes";
    }
}
