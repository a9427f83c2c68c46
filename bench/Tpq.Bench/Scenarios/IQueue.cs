namespace Tpq.Bench.Scenarios;

/// <summary>A queue and a client of its own, of one build of the library or another.</summary>
interface IQueue : IAsyncDisposable
{
    Task PutAsync(string payload);

    /// <summary>Consumes by a handler that does nothing but tell of it.</summary>
    Task ConsumeAsync(int consumers, Action handled, CancellationToken stop);
}
