using System.Globalization;

namespace Tpq.Bench.Measuring;

/// <summary>The message of every measurement: a small order, with the time at which it was put.</summary>
static class Payload
{
    const string Start = "{\"at\":";

    /// <summary>For messages whose way is not timed; of the same length as the others.</summary>
    public static readonly string Plain = Of(1_000_000_000_000_000);

    /// <summary>The wall clock in microseconds, which other processes of this machine can read too.</summary>
    public static long Now => (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    public static string Of(long at) =>
        string.Create(CultureInfo.InvariantCulture, $"{Start}{at},\"order\":1234567,\"customer\":\"c-20418\",\"item\":\"tea\",\"cents\":1250}}");

    /// <summary>The time in a payload, also if a system has written the JSON anew.</summary>
    public static long ReadAt(ReadOnlySpan<char> json)
    {
        int start = json.IndexOf("\"at\":") + "\"at\":".Length;
        ReadOnlySpan<char> rest = json[start..].TrimStart();
        return long.Parse(rest[..rest.IndexOfAnyExceptInRange('0', '9')], CultureInfo.InvariantCulture);
    }
}
