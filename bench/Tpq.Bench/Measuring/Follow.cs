using System.Diagnostics;

namespace Tpq.Bench.Measuring;

/// <summary>
/// Puts messages at the times of a schedule and waits for all of them to arrive. What is put late, because the producers were still busy with others, counts from when it was
/// due: else a system whose puts are slow would hide in them what its messages wait. That a timer is late is nobody's delay.
/// </summary>
sealed class Follow(Handler handler, Func<string, Task> put)
{
    const int Warmups = 50;

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public async Task<IReadOnlyList<Arrival>> RunAsync(Schedule schedule, CancellationToken cancellationToken)
    {
        for (int n = 0; n < Warmups; n++)
        {
            await put(Payload.Of(Payload.Now));
            await Task.Delay(TimeSpan.FromMilliseconds(5), cancellationToken);
        }
        await ArriveAsync(Warmups, cancellationToken);
        handler.Arrivals.Clear();

        long start = Stopwatch.GetTimestamp();
        int next = -1;
        await Task.WhenAll(Enumerable.Range(0, schedule.Producers).Select(_ => Task.Run(ProduceAsync, cancellationToken)));
        await ArriveAsync(Warmups + schedule.Times.Count, cancellationToken);
        long first = handler.Arrivals.Min(arrival => arrival.At);
        return [.. handler.Arrivals.Select(a => new Arrival(TimeSpan.FromMicroseconds(a.At - first), TimeSpan.FromMicroseconds(a.Took)))];

        async Task ProduceAsync()
        {
            for (int index; (index = Interlocked.Increment(ref next)) < schedule.Times.Count;)
            {
                TimeSpan late = Stopwatch.GetElapsedTime(start) - schedule.Times[index];
                if (late < TimeSpan.Zero)
                {
                    await Task.Delay(-late, cancellationToken);
                    late = TimeSpan.Zero;
                }
                await put(Payload.Of(Payload.Now - (long)late.TotalMicroseconds));
            }
        }
    }

    async Task ArriveAsync(long count, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        while (handler.Handled < count)
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
                throw new TimeoutException($"{count - handler.Handled} of {count} messages had not arrived {Patience.TotalSeconds:0} s after the last was put");
            await Task.Delay(TimeSpan.FromMilliseconds(2), cancellationToken);
        }
    }
}
