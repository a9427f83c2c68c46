namespace Tpq.Internal;

/// <summary>The token of one worker's handlers: cancelled when a handler has had its time, or when the grace of a stopped consumer is over.</summary>
/// <remarks>One source serves handler after handler, as long as it was not cancelled: a linked source for each message would be most of what a message allocates.</remarks>
sealed class HandlerClock(TpqClient client, TimeSpan limit, CancellationToken graceIsOver) : IDisposable
{
    CancellationTokenSource _source = new(Timeout.InfiniteTimeSpan, client.Time);
    CancellationTokenRegistration _registration;

    /// <summary>Whether the consumer was stopped, and its handlers have had their grace.</summary>
    public bool IsGraceOver => graceIsOver.IsCancellationRequested;

    public bool IsTimeOver => _source.IsCancellationRequested && !IsGraceOver;

    public CancellationToken Start()
    {
        if (!_source.TryReset())
        {
            _source.Dispose();
            _source = new CancellationTokenSource(Timeout.InfiniteTimeSpan, client.Time);
        }
        _registration.Dispose();
        _registration = graceIsOver.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _source);
        _source.CancelAfter(limit);
        return _source.Token;
    }

    /// <summary>The handler has returned: what the clock does from here on is nothing to it.</summary>
    public void Stop()
    {
        if (!_source.IsCancellationRequested)
            _source.CancelAfter(Timeout.InfiniteTimeSpan);
    }

    public void Dispose()
    {
        _registration.Dispose();
        _source.Dispose();
    }
}
