namespace Tpq.Bench.Scenarios;

/// <summary>A value of a case, before it is known of which system and round.</summary>
readonly record struct Value(string Measure, double Number, IReadOnlyList<double>? Series = null)
{
    /// <exception cref="InvalidOperationException">It is per message, and no message came within the measurement.</exception>
    public double Number { get; } = double.IsFinite(Number) ? Number : throw new InvalidOperationException("not one message within the measurement");
}
