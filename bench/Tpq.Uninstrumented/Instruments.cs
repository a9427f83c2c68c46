namespace Tpq.Internal.Telemetry;

/// <summary>In place of the meter's instruments: nobody hears them.</summary>
static class Instruments
{
    public static bool AreHeard => false;

    public static Silence WakeUps => default;

    public static Silence SweepDuration => default;

    public readonly struct Silence
    {
        public void Add(long value, string tag)
        {
        }

        public void Record(double value, string tag)
        {
        }
    }
}
