namespace Tpq;

/// <summary>How <see cref="TpqQueue.ConsumeAsync"/> and its kin go about it. Read at the start.</summary>
public sealed class TpqConsumeOptions
{
    static readonly TimeSpan Longest = TimeSpan.FromDays(24);

    /// <summary>How many messages (or batches) are handled at the same time. With one, they are handled in order.</summary>
    /// <value>Default: 1. A message that is held takes a connection of the pool; one that is leased takes none.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int Concurrency { get; set => field = AtLeastOne(value, nameof(Concurrency)); } = 1;

    /// <summary>
    /// How often a message is delivered, at most: when so many deliveries have failed it goes to the dead letter queue, whose name is the queue's with <c>_dead</c> behind
    /// it. A handler that throws has failed, and so has one that runs out of time, a commit that is refused, a lease that is lost, and a process that
    /// dies (the first time that one does goes uncounted). A consumer that is stopped has not.
    /// </summary>
    /// <value>Default: 5. 1: no second try. <see cref="int.MaxValue"/>: for ever.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int MaxAttempts { get; set => field = AtLeastOne(value, nameof(MaxAttempts)); } = 5;

    /// <summary>
    /// How long a message that has failed is not delivered; doubled with each further failure, and shortened by up to a half, by chance, so that
    /// many that failed at once do not come back at once. Others are handled meanwhile.
    /// </summary>
    /// <value>Default: 1 second. Zero: no pause.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, or longer than 24 days.</exception>
    public TimeSpan Backoff { get; set => field = Checked(value, nameof(Backoff)); } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause that the doubling reaches.</summary>
    /// <value>Default: 15 minutes.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, or longer than 24 days.</exception>
    public TimeSpan MaxBackoff { get; set => field = Checked(value, nameof(MaxBackoff)); } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// After how long a handler's token is cancelled. A handler that then throws has failed; one that returns all the same has its message removed, and one that does neither
    /// goes on holding it: nothing can stop it but itself.
    /// </summary>
    /// <value>Default: 5 minutes. <see cref="Timeout.InfiniteTimeSpan"/>: never.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is zero or negative and not infinite, or longer than 24 days.</exception>
    public TimeSpan HandlerTimeout
    {
        get;
        set
        {
            if (value != Timeout.InfiniteTimeSpan)
                ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero, nameof(HandlerTimeout));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, Longest, nameof(HandlerTimeout));
            field = value;
        }
    } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long a lease lasts that is not renewed, where messages are leased: it is renewed at a third of it for as long as the handler is at work, so it
    /// is the time after which a message whose process has died is delivered again.
    /// </summary>
    /// <value>Default: 30 seconds. At least 1 second.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is shorter than a second, or longer than 24 days.</exception>
    public TimeSpan LeaseDuration { get; set => field = TpqQueue.CheckedLease(value, nameof(LeaseDuration)); } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a handler that is at work when the consumer is stopped may go on; then its token is cancelled, and its message goes back unless the handler
    /// returns all the same.
    /// </summary>
    /// <value>Default: 25 seconds. Zero: the handler's token is cancelled at once.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, or longer than 24 days.</exception>
    public TimeSpan Grace { get; set => field = Checked(value, nameof(Grace)); } = TimeSpan.FromSeconds(25);

    internal TpqConsumeOptions Copy() => (TpqConsumeOptions)MemberwiseClone();

    static TimeSpan Checked(TimeSpan value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, Longest, name);
        return value;
    }

    static int AtLeastOne(int value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, name);
        return value;
    }
}
