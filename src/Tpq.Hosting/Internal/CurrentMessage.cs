namespace Tpq.Internal;

/// <summary>The message of a scope: what is injected where a <see cref="TpqDelivery"/>, a <see cref="TpqLease"/> or a <see cref="TpqMessage"/> is asked for.</summary>
sealed class CurrentMessage
{
    TpqDelivery? _delivery;
    TpqLease? _lease;

    /// <exception cref="InvalidOperationException">There is none.</exception>
    public TpqDelivery Delivery => _delivery ?? throw new InvalidOperationException(_lease is null ? Missing(nameof(TpqDelivery))
        : $"There is no TpqDelivery here: the messages of queue \"{_lease.Message.Queue}\" are leased. Inject TpqLease, or consume them with AddConsumer.");

    /// <exception cref="InvalidOperationException">There is none.</exception>
    public TpqLease Lease => _lease ?? throw new InvalidOperationException(_delivery is null ? Missing(nameof(TpqLease))
        : $"There is no TpqLease here: the messages of queue \"{_delivery.Message.Queue}\" are held. Inject TpqDelivery, or consume them with AddLeasedConsumer.");

    /// <exception cref="InvalidOperationException">There is none.</exception>
    public TpqMessage Message => _delivery?.Message ?? _lease?.Message ?? throw new InvalidOperationException(Missing(nameof(TpqMessage)));

    public void Set(TpqDelivery delivery) => _delivery = delivery;

    public void Set(TpqLease lease) => _lease = lease;

    /// <summary>A container disposes what it has injected; but this is the consumer's, which settles it when the scope has ended.</summary>
    public void Keep(bool isKept)
    {
        _delivery?.IsKept = isKept;
        _lease?.IsKept = isKept;
    }

    static string Missing(string what) =>
        $"There is no {what} here: only the scope that a consumer makes for a message has one, and neither a scope that somebody else made nor a singleton does.";
}
