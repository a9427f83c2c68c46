using System.Globalization;
using System.Text.RegularExpressions;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Floor;

/// <summary>psql, for <c>\copy</c>.</summary>
sealed partial class Psql(PostgresProgram program)
{
    /// <summary>Copies messages from a file, and returns how many a second by psql's own clock.</summary>
    public async Task<double> CopyRateAsync(string table, int count, CancellationToken cancellationToken)
    {
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllLinesAsync(file, Enumerable.Repeat(Payload.Plain, count), cancellationToken);
            string report = await program.RunAsync(
                ["--no-psqlrc", "--quiet", "--command", @"\timing on", "--command", $@"\copy {table} (data) from '{file}'"], cancellationToken);
            Match match = TimeWords().Match(report);
            return match.Success
                ? count / (double.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) / 1000)
                : throw new InvalidOperationException($"psql reported no time: {report}");
        }
        finally
        {
            File.Delete(file);
        }
    }

    [GeneratedRegex(@"Time: ([0-9.]+) ms")]
    private static partial Regex TimeWords();
}
