namespace Tpq.Internal.Telemetry;

/// <summary>In place of the gauges, which nobody reads.</summary>
static class Gauges
{
    public static void Add(TpqClient client)
    {
    }

    public static void Remove(TpqClient client)
    {
    }

    public static string Tag(string queue) => queue;
}
