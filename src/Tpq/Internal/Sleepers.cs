using Tpq.Internal.Telemetry;

namespace Tpq.Internal;

/// <summary>Who waits for a queue in this client: their places, and how they are woken.</summary>
/// <remarks>
/// A ring wakes one of them. Whoever was woken and found something wakes the next, for there may be more; but not who found just the one message that the
/// ring told of. So a message costs one look, however many wait. What must not be lost is the ring: one that nobody has acted upon is passed on by
/// whoever leaves with it. Where nobody is asleep, everybody remembers the ring, and looks once more before he sleeps.
/// </remarks>
sealed class Sleepers(string queue)
{
    /// <summary>So many messages without an empty look, and the queue is a busy one.</summary>
    const int ManyFinds = 10;

    readonly Lock _gate = new();
    readonly List<Subscription> _subscriptions = [];
    int _finds;
    bool _hasSaidBusy;
    bool _isFirstLookAwaited;

    /// <summary>Set by the listener: whether rings can be relied upon, so that looks by the clock can be rare.</summary>
    public volatile bool AreServed;

    /// <summary>Set by the listener: whether it wants to know when somebody falls asleep.</summary>
    public volatile bool WantDoorman;

    /// <summary>Whether messages come faster than they are handled, and everybody handles them.</summary>
    public bool AreBusy
    {
        get
        {
            lock (_gate)
                return AreBusyLocked();
        }
    }

    /// <summary>Whether the first look since <see cref="AwaitFirstLook"/> has found something.</summary>
    public volatile bool HasFirstLookFound;

    public bool Any
    {
        get
        {
            lock (_gate)
                return _subscriptions.Count > 0;
        }
    }

    public bool AnyAsleep => CountAsleep > 0;

    public int CountAsleep
    {
        get
        {
            lock (_gate)
                return _subscriptions.Count(static s => s.IsAsleep);
        }
    }

    public void Add(Subscription subscription)
    {
        lock (_gate)
            _subscriptions.Add(subscription);
    }

    public void Remove(Subscription subscription)
    {
        lock (_gate)
        {
            _subscriptions.Remove(subscription);
            if (subscription.OwesLook)
                WakeOneLocked();
        }
    }

    /// <param name="only">The message of which the ring tells, if it tells of no more; null where there may be any number.</param>
    public void WakeOne(long? only = null)
    {
        lock (_gate)
            WakeOneLocked(only);
    }

    public void WakeAll()
    {
        lock (_gate)
            _subscriptions.ForEach(static s => s.Ring(null));
    }

    /// <summary>The doorman's duty begins: the next look is the first one, but not one that may have begun before.</summary>
    public void AwaitFirstLook()
    {
        lock (_gate)
        {
            (_isFirstLookAwaited, HasFirstLookFound, _finds) = (true, false, 0);
            _subscriptions.ForEach(static s => s.MayBeLooking = !s.IsAsleep);
        }
    }

    /// <summary>Somebody has looked.</summary>
    /// <param name="subscription">Who.</param>
    /// <param name="found">The message that was found, or the first of them; null for none.</param>
    /// <returns>Whether the listener has to do something about it.</returns>
    public bool Looked(Subscription subscription, long? found)
    {
        lock (_gate)
        {
            if (!subscription.MayBeLooking)
            {
                HasFirstLookFound |= _isFirstLookAwaited && found is not null;
                _isFirstLookAwaited = false;
            }
            subscription.MayBeLooking = false;
            _finds = found is null ? 0 : _finds + 1;
            bool areBusy = AreBusyLocked(), isNews = areBusy && !_hasSaidBusy;
            _hasSaidBusy = areBusy;
            if (found is not null && subscription.OwesLook && !subscription.WasToldOf(found.Value))
                WakeOneLocked();
            subscription.HasLooked();
            return HasFirstLookFound || isNews;
        }
    }

    /// <summary>Runs what changes a subscription's state, of which all are guarded together.</summary>
    public T Guarded<T>(Func<T> change)
    {
        lock (_gate)
            return change();
    }

    bool AreBusyLocked() => _finds >= ManyFinds && !_subscriptions.Exists(static s => s.IsAsleep);

    void WakeOneLocked(long? only = null)
    {
        if (_subscriptions.Find(static s => s.IsAsleep) is { } sleeper)
        {
            sleeper.Ring(only);
            Instruments.WakeUps.Add(1, Gauges.Tag(queue));
        }
        else
            _subscriptions.ForEach(static s => s.Ring(null));
    }
}
