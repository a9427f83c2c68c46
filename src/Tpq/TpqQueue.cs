using Npgsql;
using Tpq.Internal;

namespace Tpq;

/// <summary>
/// One queue: a table of JSON messages. Thread safe; owns nothing, so there is nothing to dispose. Every method that talks to the server
/// passes its errors through as <see cref="PostgresException"/>, and throws <see cref="TpqQueueNotFoundException"/> where there is no such queue.
/// </summary>
public sealed partial class TpqQueue
{
    readonly QueueState _state;

    internal TpqQueue(TpqClient client, QueueState state)
    {
        Client = client;
        _state = state;
    }

    /// <summary>The queue's name, without the table prefix.</summary>
    public string Name => _state.Name.Queue;

    /// <summary>The client through which the queue is reached.</summary>
    public TpqClient Client { get; }

    internal QueueState State => _state;

    Sql Sql => _state.Sql;

    /// <summary>The queue as seen from a transaction of the caller's, which is never begun, committed or rolled back here.</summary>
    /// <param name="transaction">An open transaction on the queue's database.</param>
    /// <exception cref="ArgumentNullException"><paramref name="transaction"/> is null; it never means "a transaction of its own".</exception>
    public TpqQueueTransaction In(NpgsqlTransaction transaction)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return new TpqQueueTransaction(Client, _state, transaction);
    }

    /// <summary>The queue's name.</summary>
    public override string ToString() => Name;

    /// <summary>Runs what talks to the server, and says its errors in tpq's words where tpq knows more.</summary>
    async Task<T> TranslatedAsync<T>(Func<Task<T>> work)
    {
        Client.ThrowIfDisposed();
        try
        {
            return await work().ConfigureAwait(false);
        }
        catch (PostgresException e)
        {
            Fault.ThrowTranslated(e, _state, Client.Database);
            throw;
        }
    }
}
