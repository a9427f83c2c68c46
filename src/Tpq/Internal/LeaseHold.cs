using System.Diagnostics.CodeAnalysis;

namespace Tpq.Internal;

/// <summary>What this process knows of one lease that it holds. Changed under the lock of <see cref="HeldLeases"/>.</summary>
/// <param name="message">The message.</param>
/// <param name="lease">The number that is written beside the message, and which only its holder knows.</param>
/// <param name="duration">How long it lasts without being renewed.</param>
/// <param name="confirmed">When the last statement was sent that set its time, as a timestamp of the clock.</param>
[SuppressMessage("Reliability", "CA1001:Types that own disposable fields should be disposable",
    Justification = "The source has no timer and no handle, and the holder may ask for its token for as long as he likes.")]
sealed class LeaseHold(TpqMessage message, Guid lease, TimeSpan duration, long confirmed)
{
    readonly CancellationTokenSource _lost = new();

    public TpqMessage Message => message;

    public Guid Lease => lease;

    public TimeSpan Duration => duration;

    public long Confirmed { get; set; } = confirmed;

    /// <summary>Whether its holder has settled it, or is about to.</summary>
    public bool IsSettled { get; set; }

    /// <summary>Whether that was in a transaction of the caller's, whose end is not known here.</summary>
    public bool IsSettledByCaller { get; set; }

    public bool IsLost => _lost.IsCancellationRequested;

    public CancellationToken Lost => _lost.Token;

    /// <summary>Tells its holder. His code runs elsewhere: whoever tells him has other leases to renew, and it may block, or throw.</summary>
    public void Lose() => _ = _lost.CancelAsync();
}
