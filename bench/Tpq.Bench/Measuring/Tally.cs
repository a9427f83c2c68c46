namespace Tpq.Bench.Measuring;

/// <summary>Counts for several workers, each on a cache line of its own.</summary>
sealed class Tally(int workers)
{
    const int Stride = 16;

    readonly long[] _counts = new long[workers * Stride];

    public long Total
    {
        get
        {
            long total = 0;
            for (int worker = 0; worker < workers; worker++)
                total += Volatile.Read(ref _counts[worker * Stride]);
            return total;
        }
    }

    public void Add(int worker, long count) => Volatile.Write(ref _counts[worker * Stride], _counts[worker * Stride] + count);
}
