namespace Tpq.Bench.Measuring;

/// <summary>Consumers that work beside what is measured, until disposed.</summary>
sealed class Consumption : IAsyncDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    readonly CancellationTokenSource _stop;
    readonly Task _work;

    public Consumption(Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _work = Task.Run(() => work(_stop.Token), CancellationToken.None);
    }

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
