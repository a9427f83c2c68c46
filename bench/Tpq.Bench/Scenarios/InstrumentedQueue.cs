namespace Tpq.Bench.Scenarios;

/// <summary>By the library as it is.</summary>
sealed class InstrumentedQueue : IQueue
{
    readonly TpqClient _client;
    readonly TpqQueue _queue;

    public InstrumentedQueue(string connectionString, string queue)
    {
        _client = new TpqClient(connectionString);
        _queue = _client.Queue(queue);
    }

    public Task PutAsync(string payload) => _queue.PutAsync(payload);

    public Task ConsumeAsync(int consumers, Action handled, CancellationToken stop) => _queue.ConsumeAsync((_, _) =>
    {
        handled();
        return Task.CompletedTask;
    }, new TpqConsumeOptions { Concurrency = consumers }, stop);

    public ValueTask DisposeAsync() => _client.DisposeAsync();
}
