namespace Tpq.Internal;

/// <summary>From where on something is a finding.</summary>
sealed record DoctorLimits
{
    /// <summary>How long a statement of the doctor's may take. Only tests have less patience.</summary>
    public int StatementSeconds { get; init; } = 5;

    /// <summary>How long a handler may take: the default of <see cref="TpqConsumeOptions.HandlerTimeout"/>.</summary>
    public TimeSpan Handler { get; init; } = new TpqConsumeOptions().HandlerTimeout;

    /// <summary>A transaction's age, twice what a handler may take; and from where on it is an error.</summary>
    public TimeSpan LongTransaction { get; init; } = TimeSpan.FromMinutes(10);

    public TimeSpan GraveTransaction { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How many transactions a standby's horizon may be behind.</summary>
    public long StandbyAge { get; init; } = 1_000_000;

    /// <summary>What a slot that nobody reads may keep of the log, in bytes.</summary>
    public long SlotBytes { get; init; } = 1L << 30;

    /// <summary>A busy queue makes hundreds of thousands of dead rows between two visits of autovacuum, which comes once a minute.</summary>
    public long DeadRows { get; init; } = 100_000;

    public TimeSpan VacuumAge { get; init; } = TimeSpan.FromMinutes(10);

    public long IndexBytes { get; init; } = 100L << 20;

    /// <summary>How long a message may be ready with nobody at its queue.</summary>
    public TimeSpan Unconsumed { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a message may be due; whoever waits moves it within ten seconds.</summary>
    public TimeSpan Overdue { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>A message that failed so often is dead by default.</summary>
    public int Attempts { get; init; } = new TpqConsumeOptions().MaxAttempts;

    public TimeSpan Clock { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Parts of what there is: of the connections, and of the queue of notifications.</summary>
    public double Connections { get; init; } = 0.8;

    public double Notifications { get; init; } = 0.1;
}
