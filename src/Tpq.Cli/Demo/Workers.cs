namespace Tpq.Cli.Demo;

/// <summary>Consumers that work at the same time until every message is done.</summary>
sealed class Workers(Session session, TpqQueue queue, Ledger ledger, int consumers, long expected)
{
    static readonly TpqConsumeOptions Options = new() { Backoff = TimeSpan.FromMilliseconds(400) };

    readonly long[] _done = new long[consumers];
    long _finished;
    long _failed;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var finished = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAll(Enumerable.Range(1, consumers).Select(consumer => ConsumeAsync(consumer, finished)));
        cancellationToken.ThrowIfCancellationRequested();
        for (int consumer = 1; consumer <= consumers; consumer++)
            session.Say($"Consumer {consumer} did {Display.Count(_done[consumer - 1])} orders.");
    }

    async Task ConsumeAsync(int consumer, CancellationTokenSource finished)
    {
        try
        {
            await queue.ConsumeAsync((delivery, token) => HandleAsync(delivery, consumer, finished, token), Options, finished.Token);
        }
        catch
        {
            // The others would wait for ever for what this one does not do.
            await finished.CancelAsync();
            throw;
        }
    }

    async Task HandleAsync(TpqDelivery delivery, int consumer, CancellationTokenSource finished, CancellationToken cancellationToken)
    {
        Order order = Order.Read(delivery.Message);
        await ledger.WriteAsync(delivery, order, consumer, cancellationToken);
        if (delivery.Message.Id >= expected / 2 && Interlocked.CompareExchange(ref _failed, delivery.Message.Id, 0) == 0)
        {
            session.Say($"Consumer {consumer} has written order {order.Number} and fails: its write is undone, and it is tried again later.");
            throw new InvalidOperationException("A failure for the demonstration.");
        }
        await delivery.CommitAsync(CancellationToken.None);
        _done[consumer - 1]++;
        if (delivery.Message.Id == Interlocked.Read(ref _failed))
            session.Say($"Consumer {consumer} has got order {order.Number} again, and has done it.");
        if (Interlocked.Increment(ref _finished) == expected)
            await finished.CancelAsync();
    }
}
