using System.Globalization;

namespace Tpq.Internal;

/// <summary>How what was seen is written: the same in every locale.</summary>
static class Evidence
{
    public static string Count(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Count(long number, string one) => number == 1 ? $"1 {one}" : $"{Count(number)} {one}s";

    public static string Part(double part) => part.ToString("P0", CultureInfo.InvariantCulture);

    public static string Bytes(long bytes) => bytes switch
    {
        >= 1L << 30 => Invariant($"{bytes / (double)(1L << 30):0.#} GB"),
        >= 1L << 20 => Invariant($"{bytes / (double)(1L << 20):0.#} MB"),
        _ => Invariant($"{bytes / 1024.0:0.#} kB"),
    };

    /// <summary>In the two largest units.</summary>
    public static string Time(TimeSpan time) => time switch
    {
        { TotalDays: >= 1 } => $"{Count((long)time.TotalDays)}d {time.Hours}h",
        { TotalHours: >= 1 } => $"{time.Hours}h {time.Minutes}m",
        { TotalMinutes: >= 1 } => $"{time.Minutes}m {time.Seconds}s",
        _ => Invariant($"{time.TotalSeconds:0.#} s"),
    };

    static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
