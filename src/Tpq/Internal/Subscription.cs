namespace Tpq.Internal;

/// <summary>One waiter's place among the <see cref="Sleepers"/> of a queue.</summary>
sealed class Subscription : IDisposable
{
    readonly Listener _listener;
    readonly QueueState _queue;
    readonly TimeProvider _time;

    /// <summary>Completed by the ring; there while it sleeps.</summary>
    TaskCompletionSource? _bell;

    bool _owesLook;

    /// <summary>The one message of which the ring told; null where it told of more, or of nothing.</summary>
    long? _only;

    /// <summary>It begins with a ring: the look before it was made when nobody would have told it of a put.</summary>
    public Subscription(Listener listener, QueueState queue, TimeProvider time)
    {
        _listener = listener;
        _queue = queue;
        _time = time;
        IsRung = true;
        queue.Sleepers.Add(this);
        listener.Attend(queue);
    }

    /// <summary>Whether it sleeps, and no ring is on its way to it.</summary>
    public bool IsAsleep => _bell is not null && !IsRung;

    /// <summary>Whether there is a ring that has not woken it yet.</summary>
    public bool IsRung { get; private set; }

    /// <summary>Whether a ring was given to it upon which nobody has looked yet.</summary>
    public bool OwesLook => IsRung || _owesLook;

    /// <summary>Kept by <see cref="Sleepers"/>: whether the look that it reports next may have begun before the doorman's duty.</summary>
    public bool MayBeLooking { get; set; }

    /// <summary>Called by <see cref="Sleepers"/>, as are the two that follow.</summary>
    public void Ring(long? only)
    {
        _only = OwesLook ? null : only;
        IsRung = true;
        _bell?.TrySetResult();
    }

    /// <summary>Whether it was rung for this message, and for no other.</summary>
    public bool WasToldOf(long id) => _only == id;

    /// <summary>Hands a ring on, if there is one.</summary>
    public void PassOn()
    {
        if (OwesLook)
            _queue.Sleepers.WakeOne();
    }

    public void HasLooked() => _owesLook = false;

    /// <summary>Returns at the next ring, or at once at one that came since the last call, or when the time is up (MaxValue: never).</summary>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        TaskCompletionSource? bell = _queue.Sleepers.Guarded(() =>
            _bell = IsRung ? null : new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        if (bell is not null && _queue.Sleepers.WantDoorman)
            _listener.Attend(_queue);
        try
        {
            if (bell is not null)
                await bell.Task.WaitAsync(atMost == TimeSpan.MaxValue ? Timeout.InfiniteTimeSpan : atMost, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Nobody rang.
        }
        finally
        {
            _queue.Sleepers.Guarded(() => (_bell, _owesLook, IsRung) = (null, _owesLook || IsRung, false));
        }
    }

    /// <summary>To be called after each look, which was made after <see cref="WaitAsync"/> had returned, with the first message that it found.</summary>
    public void Looked(long? found)
    {
        if (_queue.Sleepers.Looked(this, found))
            _listener.Attend(_queue);
    }

    /// <summary>A ring that nobody has acted upon goes to somebody else.</summary>
    public void Dispose() => _queue.Sleepers.Remove(this);
}
