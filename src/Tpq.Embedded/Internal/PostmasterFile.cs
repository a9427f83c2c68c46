using System.Diagnostics;

namespace Tpq.Embedded.Internal;

/// <summary>What a server writes about itself into postmaster.pid.</summary>
static class PostmasterFile
{
    // Lines are counted in PostgreSQL's pidfile.h, and the same since version 10.
    const int ProcessIdLine = 0;
    const int StatusLine = 7;

    /// <summary>Whether the server of this process id, and not an earlier one that left its file, accepts connections.</summary>
    internal static bool IsReady(string data, int processId)
    {
        string[] lines = Read(data);
        return lines.Length > StatusLine && ProcessId(lines) == processId && lines[StatusLine].Trim() == "ready";
    }

    /// <summary>
    /// Removes the file of a crashed server when another program has its process id by now, which in a container is likely, and which
    /// PostgreSQL takes for a running server. All other leftovers it handles by itself.
    /// </summary>
    internal static void RemoveIfForeign(string data)
    {
        if (ProcessId(Read(data)) is not { } processId)
            return;
        try
        {
            using var process = Process.GetProcessById(processId);
            if (!process.ProcessName.StartsWith("postgres", StringComparison.Ordinal))
                File.Delete(FileName(data));
        }
        catch (ArgumentException)
        {
            // No such process.
        }
    }

    static int? ProcessId(string[] lines) =>
        lines.Length > ProcessIdLine && int.TryParse(lines[ProcessIdLine], out int processId) ? processId : null;

    static string[] Read(string data)
    {
        try
        {
            return File.ReadAllLines(FileName(data));
        }
        catch (IOException)
        {
            // There is none, or the server is just replacing it.
            return [];
        }
    }

    static string FileName(string data) => Path.Combine(data, "postmaster.pid");
}
