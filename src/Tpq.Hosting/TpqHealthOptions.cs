namespace Tpq;

/// <summary>What a health check looks at, beside whether the queues can be used at all.</summary>
public sealed class TpqHealthOptions
{
    /// <summary>The names of the queues. Default: none, which means those that were added to the host.</summary>
    public IList<string> Queues { get; } = [];

    /// <summary>
    /// How long ago the oldest message that is ready may have been put. Messages for later do not count until they are due. Default, <see langword="null"/>: no limit.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not more than zero.</exception>
    public TimeSpan? MaxOldestAge
    {
        get;
        set
        {
            if (value is { } age)
                ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(age, TimeSpan.Zero, nameof(value));
            field = value;
        }
    }

    /// <summary>How many dead letters each queue may have. Zero: none. Default, <see langword="null"/>: no limit.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is less than 0.</exception>
    public long? MaxDeadLetters
    {
        get;
        set
        {
            if (value is { } count)
                ArgumentOutOfRangeException.ThrowIfNegative(count, nameof(value));
            field = value;
        }
    }
}
