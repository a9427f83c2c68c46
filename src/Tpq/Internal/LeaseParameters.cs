using System.Globalization;
using Npgsql;

namespace Tpq.Internal;

/// <summary>What the statements about leases are given: the messages and the numbers, side by side.</summary>
static class LeaseParameters
{
    public static NpgsqlParameter<string> Ids(LeaseHold[] holds) => ArrayText.Of(holds.Select(static h => h.Message.Id));

    public static NpgsqlParameter<string> Numbers(LeaseHold[] holds) => ArrayText.Of(holds.Select(static h => h.Lease.ToString()));

    public static NpgsqlParameter<string> Durations(LeaseHold[] holds) => ArrayText.Of(holds.Select(
        static h => string.Create(CultureInfo.InvariantCulture, $"{h.Duration.Ticks / TimeSpan.TicksPerMicrosecond} microseconds")));
}
