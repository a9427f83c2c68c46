using System.Collections.Concurrent;
using Npgsql;

namespace Tpq.Bench.Measuring;

/// <summary>What is called with each message, and what it has seen.</summary>
sealed class Handler(Work work, NpgsqlDataSource? ledger = null)
{
    long _handled;

    public Work Work => work;

    public long Handled
    {
        get => Volatile.Read(ref _handled);
        set => Volatile.Write(ref _handled, value);
    }

    /// <summary>When each message was put and how long it took to arrive, in microseconds.</summary>
    public ConcurrentQueue<(long At, long Took)> Arrivals { get; } = new();

    /// <summary>Handles a message of a system that lends its transaction.</summary>
    public async Task HandleAsync(long id, Func<string> payload, NpgsqlConnection connection, NpgsqlTransaction? transaction)
    {
        if (work == Work.WriteRow)
        {
            await using var insert = new NpgsqlCommand(Ledger.Insert, connection, transaction);
            insert.Parameters.Add(new NpgsqlParameter<long> { TypedValue = id });
            await insert.ExecuteNonQueryAsync();
        }
        Note(payload);
    }

    /// <summary>Handles a message of a system that does not: the row is a transaction of its own.</summary>
    public async Task HandleAsync(Func<string> payload)
    {
        if (work == Work.WriteRow)
        {
            await using NpgsqlCommand insert = ledger!.CreateCommand(Ledger.Insert);
            insert.Parameters.Add(new NpgsqlParameter<long> { TypedValue = 0 });
            await insert.ExecuteNonQueryAsync();
        }
        Note(payload);
    }

    void Note(Func<string> payload)
    {
        if (work == Work.Time)
        {
            long now = Payload.Now;
            long at = Payload.ReadAt(payload());
            Arrivals.Enqueue((at, now - at));
        }
        Interlocked.Increment(ref _handled);
    }
}
