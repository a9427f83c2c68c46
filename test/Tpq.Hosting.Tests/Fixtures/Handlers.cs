using Npgsql;

namespace Tpq.Hosting.Tests.Fixtures;

/// <summary>A service of the scope, as a DbContext would be: it writes where the message is held.</summary>
public sealed class Ledger(TpqDelivery delivery, string schema)
{
    public async Task WriteAsync(string line)
    {
        await using var insert = new NpgsqlCommand($"INSERT INTO \"{schema}\".ledger VALUES ($1)", delivery.Connection, delivery.Transaction);
        insert.Parameters.AddWithValue(line);
        await insert.ExecuteNonQueryAsync();
    }
}

/// <summary>Writes when it handles, and when it is disposed.</summary>
sealed class Shipping(Ledger ledger, TpqDelivery injected, TpqMessage message, Seen seen) : ITpqHandler<Order>, IAsyncDisposable
{
    Order? _order;

    public async Task HandleAsync(Order body, TpqDelivery delivery, CancellationToken cancellationToken)
    {
        Assert.Same(injected, delivery);
        Assert.Same(message, delivery.Message);
        await ledger.WriteAsync(body.Item);
        if (body.Item == "bad")
            throw new InvalidDataException("rotten");
        _order = body;
    }

    public async ValueTask DisposeAsync()
    {
        if (_order is null)
            return;
        await ledger.WriteAsync($"{_order.Item} disposed");
        seen.Add(_order);
    }
}

sealed class Printing(TpqLease injected, TpqMessage message, Seen seen) : ITpqLeaseHandler<Order>
{
    public Task HandleAsync(Order body, TpqLease lease, CancellationToken cancellationToken)
    {
        Assert.Same(injected, lease);
        Assert.Same(message, lease.Message);
        seen.Add((body.Id, lease.Message.Attempts));
        return body.Item == "bad" ? throw new InvalidDataException("rotten") : Task.CompletedTask;
    }
}

sealed class Scoped(Ledger ledger, Seen seen) : ITpqHandler<Order>, IDisposable
{
    public Ledger Ledger { get; } = ledger;

    public bool IsDisposed { get; private set; }

    public Task HandleAsync(Order body, TpqDelivery delivery, CancellationToken cancellationToken)
    {
        Assert.False(IsDisposed);
        seen.Add(this);
        return Task.CompletedTask;
    }

    public void Dispose() => IsDisposed = true;
}

sealed class Counting(Seen seen) : ITpqHandler<int?>
{
    public Task HandleAsync(int? body, TpqDelivery delivery, CancellationToken cancellationToken)
    {
        seen.Add(body);
        return Task.CompletedTask;
    }
}
