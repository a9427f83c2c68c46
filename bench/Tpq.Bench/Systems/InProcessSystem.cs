using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

/// <summary>A system that is a library for .NET: producers and consumers are tasks of this process, or of one that is started for them.</summary>
abstract class InProcessSystem(Database database) : QueueSystem(database)
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    WorkProcess? _apart;

    /// <summary>By which <see cref="Attach"/> finds the queue that is in use.</summary>
    public virtual string Place => "";

    /// <summary>In another process than the one that has installed it.</summary>
    /// <param name="place">The <see cref="Place"/> there.</param>
    public virtual void Attach(string place)
    {
    }

    public override async Task WorkApartAsync(bool inBatches, int consumers, Handler handler, CancellationToken stop)
    {
        if (_apart is { HasEnded: true })
            await EndApartAsync();
        _apart ??= new WorkProcess(this, new Dictionary<string, string>());
        await _apart.RunAsync(inBatches, consumers, stop);
    }

    public override async ValueTask DisposeAsync()
    {
        await EndApartAsync();
        await base.DisposeAsync();
    }

    protected abstract Task PutOneAsync(string payload);

    public override Task<double> PutAsync(int producers, Window window, CancellationToken cancellationToken) =>
        Load.RateAsync(producers, window, async () =>
        {
            await PutOneAsync(Payload.Plain);
            return 1;
        }, cancellationToken);

    public override async Task PutCountAsync(int count, CancellationToken cancellationToken)
    {
        for (int n = 0; n < count; n++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await PutOneAsync(Payload.Plain);
        }
    }

    public override async Task GetCountAsync(int count, CancellationToken cancellationToken)
    {
        Handler handler = NewHandler(Work.Nothing);
        await using Consumption consumption = Consume(1, handler, cancellationToken);
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        late.CancelAfter(Patience);
        while (handler.Handled < count)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(2), late.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
            if (late.IsCancellationRequested)
                throw new TimeoutException($"one consumer took {handler.Handled:N0} of {count:N0} messages in {Patience.TotalSeconds:0} s");
        }
    }

    public override async Task<IReadOnlyList<Arrival>> FollowAsync(Schedule schedule, int consumers, CancellationToken cancellationToken)
    {
        Handler handler = NewHandler(Work.Time);
        await using Consumption consumption = Consume(consumers, handler, cancellationToken);
        return await new Follow(handler, PutOneAsync).RunAsync(schedule, cancellationToken);
    }

    public override async Task<double> PutToConsumersAsync(int producers, int consumers, Window window, CancellationToken cancellationToken)
    {
        await using Consumption? consumption = consumers == 0 ? null : Consume(consumers, NewHandler(Work.Nothing), cancellationToken);
        return await PutAsync(producers, window, cancellationToken);
    }

    protected Consumption Consume(int consumers, Handler handler, CancellationToken cancellationToken) =>
        new(stop => WorkAsync(consumers, handler, stop), cancellationToken);

    async Task EndApartAsync()
    {
        if (_apart is not null)
            await _apart.DisposeAsync();
        _apart = null;
    }
}
