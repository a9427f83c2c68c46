namespace Tpq.Internal;

/// <summary>One waiter's place at the listener: woken by a ring of its queue, by a reconnect, and once when LISTEN has taken effect.</summary>
sealed class Subscription(Listener listener, QueueState queue, TimeProvider time) : IDisposable
{
    TaskCompletionSource _rung = NewBell();

    public QueueState Queue => queue;

    public void Ring() => Volatile.Read(ref _rung).TrySetResult();

    /// <summary>Returns at the next ring, or at one that came since the last call, or when the time is up.</summary>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        TaskCompletionSource rung = _rung;
        using (var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
        {
            await Task.WhenAny(rung.Task, Task.Delay(atMost, time, timer.Token)).ConfigureAwait(false);
            await timer.CancelAsync().ConfigureAwait(false);
        }
        cancellationToken.ThrowIfCancellationRequested();
        // A ring between these two lines falls on the old bell, and is not lost: the caller looks after this, in any case.
        if (rung.Task.IsCompleted)
            Volatile.Write(ref _rung, NewBell());
    }

    public void Dispose() => listener.Remove(this);

    static TaskCompletionSource NewBell() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
