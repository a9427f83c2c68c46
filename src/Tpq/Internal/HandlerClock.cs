namespace Tpq.Internal;

/// <summary>The token of one worker's handlers: cancelled when a handler has had its time, or when the grace of a stopped consumer is over.</summary>
/// <remarks>
/// <para>One source serves handler after handler, as long as it was not cancelled: a linked source for each message would be most of what a message allocates.</para>
/// <para>A timer does not cancel that source itself: what a handler has registered with its token runs then, and an exception of that, on the timer's thread, ends the process.</para>
/// </remarks>
sealed class HandlerClock(TpqClient client, TimeSpan limit, CancellationToken graceIsOver) : IDisposable
{
    CancellationTokenSource _source = new(), _time = new(Timeout.InfiniteTimeSpan, client.Time);
    CancellationTokenRegistration _atTheEnd, _inTime;

    /// <summary>Whether the consumer was stopped, and its handlers have had their grace.</summary>
    public bool IsGraceOver => graceIsOver.IsCancellationRequested;

    public bool IsTimeOver => _source.IsCancellationRequested && !IsGraceOver;

    public CancellationToken Start()
    {
        Unregister();
        if (!_time.TryReset() || !_source.TryReset())
        {
            _time.Dispose();
            _source.Dispose();
            (_source, _time) = (new CancellationTokenSource(), new CancellationTokenSource(Timeout.InfiniteTimeSpan, client.Time));
        }
        (_atTheEnd, _inTime) = (Cancel(_source, graceIsOver), Cancel(_source, _time.Token));
        _time.CancelAfter(limit);
        return _source.Token;
    }

    /// <summary>Cancels a handler's source when a token is, elsewhere.</summary>
    public static CancellationTokenRegistration Cancel(CancellationTokenSource source, CancellationToken when) =>
        when.UnsafeRegister(static source => _ = ((CancellationTokenSource)source!).CancelAsync(), source);

    /// <summary>The handler has returned: what the clock does from here on is nothing to it.</summary>
    public void Stop()
    {
        if (!_source.IsCancellationRequested)
            _time.CancelAfter(Timeout.InfiniteTimeSpan);
    }

    public void Dispose()
    {
        Unregister();
        _time.Dispose();
        _source.Dispose();
    }

    /// <summary>Waits for what is under way, so nobody cancels a source that is disposed.</summary>
    void Unregister()
    {
        _atTheEnd.Dispose();
        _inTime.Dispose();
    }
}
