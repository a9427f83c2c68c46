using System.Diagnostics;

namespace Tpq.Embedded.Internal;

/// <summary>A short-lived program: run to its end, its words collected.</summary>
static class Command
{
    internal readonly record struct Result(int ExitCode, string Output, string Error)
    {
        /// <summary>The start of its complaint, on one line: npm and apt begin with the cause.</summary>
        internal string Complaint =>
            string.Join(' ', Error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Take(4));
    }

    internal static async Task<Result> RunAsync(
        string file, IEnumerable<string> arguments, Action<ProcessStartInfo> configure, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // The language of messages that are read by this library.
        start.Environment["LC_ALL"] = "C";
        configure(start);

        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            Task<string> error = process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
            return new Result(process.ExitCode, await output.ConfigureAwait(false), await error.ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }
}
