using System.Globalization;
using System.Text;

namespace Tpq.Chaos.Workers;

/// <summary>What a producer was about to put, and what was acknowledged to it: a file, which outlives a process that is killed.</summary>
sealed class Acknowledgements(string path) : IDisposable
{
    const char Attempt = 'a', Success = 's';

    // Each write goes to the system at once, whole.
    readonly FileStream _file = new(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);

    public void Attempting(IEnumerable<long> keys) => Write(Attempt, keys);

    public void Succeeded(IEnumerable<long> keys) => Write(Success, keys);

    public void Dispose() => _file.Dispose();

    public static IEnumerable<(long Key, bool IsSuccess)> Read(string path) => File.Exists(path)
        ? File.ReadLines(path).Where(static line => line.Length > 1).Select(static line => (long.Parse(line.AsSpan(1), CultureInfo.InvariantCulture), line[0] == Success))
        : [];

    void Write(char kind, IEnumerable<long> keys)
    {
        var lines = new StringBuilder();
        foreach (long key in keys)
            lines.Append(CultureInfo.InvariantCulture, $"{kind}{key}\n");
        _file.Write(Encoding.ASCII.GetBytes(lines.ToString()));
    }
}
