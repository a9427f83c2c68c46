namespace Tpq;

/// <summary>What is chosen when a queue is created. An existing queue keeps what it has.</summary>
public sealed class TpqQueueOptions
{
    /// <summary>Whether a put wakes waiting consumers.</summary>
    /// <value>Default: <see cref="TpqNotify.Auto"/>.</value>
    public TpqNotify Notify { get; set; } = TpqNotify.Auto;
}
