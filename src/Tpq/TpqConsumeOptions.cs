namespace Tpq;

/// <summary>How <see cref="TpqQueue.ConsumeAsync"/> goes about it. Read once, at the start.</summary>
public sealed class TpqConsumeOptions
{
    /// <summary>How long the consumer pauses after a failed message; doubled with each further failure, reset by a success.</summary>
    /// <value>Default: 1 second. Zero: no pause.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, or longer than 24 days.</exception>
    public TimeSpan Backoff { get; set => field = Checked(value, nameof(Backoff)); } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause that the doubling reaches.</summary>
    /// <value>Default: 15 minutes.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, or longer than 24 days.</exception>
    public TimeSpan MaxBackoff { get; set => field = Checked(value, nameof(MaxBackoff)); } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// How long a handler that is at work when the consumer is stopped may go on; then its token is cancelled, and its message goes back unless the handler
    /// returns all the same.
    /// </summary>
    /// <value>Default: 25 seconds. Zero: the handler's token is cancelled at once.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, or longer than 24 days.</exception>
    public TimeSpan Grace { get; set => field = Checked(value, nameof(Grace)); } = TimeSpan.FromSeconds(25);

    static TimeSpan Checked(TimeSpan value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromDays(24), name);
        return value;
    }
}
