using System.Globalization;

namespace Tpq.Fuzz.Tests.Fixtures;

/// <summary>How much is tried: TPQ_TEST_FUZZ times what a run of all tests can afford. The seed is a fresh one each time; CsCheck tells that of a failure.</summary>
static class Amount
{
    static readonly int Factor =
        int.TryParse(Environment.GetEnvironmentVariable("TPQ_TEST_FUZZ"), NumberStyles.None, CultureInfo.InvariantCulture, out int factor) ? factor : 1;

    public static int Of(int usual) => usual * Factor;
}
