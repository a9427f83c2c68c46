extern alias Uninstrumented;

using Library = Uninstrumented::Tpq;

namespace Tpq.Bench.Scenarios;

/// <summary>By the build that notes no spans and no metrics.</summary>
sealed class UninstrumentedQueue : IQueue
{
    readonly Library.TpqClient _client;
    readonly Library.TpqQueue _queue;

    public UninstrumentedQueue(string connectionString, string queue)
    {
        _client = new Library.TpqClient(connectionString);
        _queue = _client.Queue(queue);
    }

    public Task PutAsync(string payload) => _queue.PutAsync(payload);

    public Task ConsumeAsync(int consumers, Action handled, CancellationToken stop) => _queue.ConsumeAsync((_, _) =>
    {
        handled();
        return Task.CompletedTask;
    }, new Library.TpqConsumeOptions { Concurrency = consumers }, stop);

    public ValueTask DisposeAsync() => _client.DisposeAsync();
}
