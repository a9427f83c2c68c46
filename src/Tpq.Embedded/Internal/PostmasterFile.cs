namespace Tpq.Embedded.Internal;

/// <summary>What a server writes about itself into postmaster.pid.</summary>
static class PostmasterFile
{
    // The lines are counted in PostgreSQL's pidfile.h, the same since version 10.
    const int StatusLine = 7;

    /// <summary>Whether the server of this process id, and not an earlier one that left its file, accepts connections.</summary>
    internal static bool IsReady(string data, int processId)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(Path.Combine(data, "postmaster.pid"));
        }
        catch (IOException)
        {
            return false;
        }
        return lines.Length > StatusLine && int.TryParse(lines[0], out int id) && id == processId && lines[StatusLine].Trim() == "ready";
    }
}
