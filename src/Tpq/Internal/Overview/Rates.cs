namespace Tpq.Internal.Overview;

/// <summary>Remembers the overviews of the last minutes as far as charts need them. Not thread safe.</summary>
/// <param name="window">How far back it remembers.</param>
sealed class Rates(TimeSpan window)
{
    /// <summary>A rate is a mean over this time: the server's statistics come in steps of a second and more.</summary>
    public static readonly TimeSpan Mean = TimeSpan.FromSeconds(10);

    readonly Dictionary<string, Queue<RateSample>> _samples = new(StringComparer.Ordinal);

    public void Add(DatabaseOverview overview)
    {
        foreach (QueueOverview queue in overview.Queues)
        {
            if (!_samples.TryGetValue(queue.Name, out Queue<RateSample>? samples))
                _samples[queue.Name] = samples = [];
            samples.Enqueue(new RateSample(overview.At, queue.Ready.Count, queue.Puts, queue.Takes));
            while (samples.Peek().At < overview.At - window)
                samples.Dequeue();
        }
        foreach (string gone in _samples.Keys.Where(q => overview.Find(q) is null).ToList())
            _samples.Remove(gone);
    }

    /// <summary>What was seen of a queue, the oldest first.</summary>
    public IReadOnlyCollection<RateSample> Of(string queue) => _samples.GetValueOrDefault(queue) ?? [];

    /// <summary>Messages in and out in a second, over the last seconds; null as long as there is only one sample, or since the statistics were reset.</summary>
    public (double In, double Out)? Now(string queue)
    {
        if (!_samples.TryGetValue(queue, out Queue<RateSample>? samples))
            return null;
        RateSample last = samples.Last();
        RateSample first = samples.SkipWhile(s => s.At < last.At - Mean).First();
        return last.Since(first);
    }
}
