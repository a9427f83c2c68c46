using System.Diagnostics;

namespace Tpq.Bench.Measuring;

/// <summary>Work that goes on beside what is measured, until disposed: consumers mostly.</summary>
sealed class Consumption : IAsyncDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(10);

    readonly CancellationTokenSource _stop;
    readonly Task _work;

    public Consumption(Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _work = Task.Run(() => work(_stop.Token), CancellationToken.None);
    }

    /// <summary>Ends with the work.</summary>
    public Task Ended => _work;

    public async ValueTask DisposeAsync()
    {
        try
        {
            await StopAsync();
        }
        finally
        {
            _stop.Dispose();
        }
    }

    /// <summary>Waits until it has connected, and a count that the work makes has begun to grow.</summary>
    public async Task StartedAsync(Func<Task<long>> countAsync, CancellationToken cancellationToken)
    {
        long begin = Stopwatch.GetTimestamp();
        while (await countAsync() == 0)
        {
            await ThrowIfEndedAsync();
            if (Stopwatch.GetElapsedTime(begin) > Patience)
                throw new TimeoutException($"nothing happened within {Patience.TotalSeconds:0} s");
            await Task.Delay(Interval, cancellationToken);
        }
    }

    /// <summary>How much a count that the work makes grows in a second.</summary>
    public async Task<double> RateAsync(Func<Task<long>> countAsync, Window window, CancellationToken cancellationToken)
    {
        await StartedAsync(countAsync, cancellationToken);
        await Task.Delay(window.Warmup, cancellationToken);
        (long before, long start) = (await countAsync(), Stopwatch.GetTimestamp());
        await Task.Delay(window.Length, cancellationToken);
        double rate = (await countAsync() - before) / Stopwatch.GetElapsedTime(start).TotalSeconds;
        await ThrowIfEndedAsync();
        return rate;
    }

    /// <summary>Lets an error of the consumers through, now and not only at the end.</summary>
    public async Task ThrowIfEndedAsync()
    {
        if (_work.IsCompleted)
            await _work;
    }

    async Task StopAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _work.WaitAsync(Patience);
        }
        catch (OperationCanceledException)
        {
            // Some end like this when they are stopped while they start.
        }
    }
}
