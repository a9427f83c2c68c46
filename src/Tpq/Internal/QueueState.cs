using System.Collections.Concurrent;
using Npgsql;
using Tpq.Internal.Telemetry;

namespace Tpq.Internal;

/// <summary>What a client knows of one queue, shared by all <see cref="TpqQueue"/> of that name.</summary>
sealed class QueueState
{
    long _held;

    public QueueState(QueueName name, TpqClient client)
    {
        Name = name;
        Sql = new Sql(name);
        Server = client.Server;
        Carrier = new Carrier(name, client.Time);
        Head = new Head(client.Time, name.Queue);
        Sleepers = new Sleepers(name.Queue);
        Puts = new GroupCommit(client, Sql);
        Later = new Later(this, client);
        Leases = new Leases(this, client);
    }

    public QueueName Name { get; }

    public ServerAddress Server { get; }

    public Carrier Carrier { get; }

    public Sql Sql { get; }

    public Head Head { get; }

    public GroupCommit Puts { get; }

    public Later Later { get; }

    public Leases Leases { get; }

    public Sleepers Sleepers { get; }

    /// <summary>Whether somebody sleeps whom no ring would tell of what is put, or of when it is due.</summary>
    public bool IsUntold => Sleepers.AnyAsleep && !Sleepers.AreServed;

    /// <summary>The puts that have once succeeded in a caller's transaction, see <see cref="CallersTransaction"/>. By their SQL; the value is of no meaning.</summary>
    public ConcurrentDictionary<string, bool> ProvenPuts { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether the dead letter queue has once been seen.</summary>
    public bool HasDeadLetters { get; set; }

    /// <summary>
    /// How many messages the last batch had: there is room for as many in the next one from the start. A list that grows to some ten thousand makes
    /// arrays that the collector takes for large ones, and that costs half of what it costs to read the batch.
    /// </summary>
    public int LastBatch { get; set; } = 1;

    /// <summary>How many of its messages this client has in hand.</summary>
    public long InHand => Volatile.Read(ref _held) + Leases.Held;

    /// <summary>Messages were taken in transactions of our own, or, less than 0, are no more in hand.</summary>
    public void AddInHand(int messages) => Interlocked.Add(ref _held, messages);

    /// <summary>Whether a message is in the queue, in hand or not.</summary>
    public async Task<bool> IsThereAsync(TpqClient client, long id)
    {
        NpgsqlConnection connection = await client.OpenOwnAsync(CancellationToken.None).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        var command = new NpgsqlCommand(Sql.IsThere, connection);
        await using var __ = command.ConfigureAwait(false);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = id });
        return (bool)(await command.ExecuteScalarAsync(CancellationToken.None).ConfigureAwait(false))!;
    }
}
