using Npgsql;

namespace Tpq;

/// <summary>
/// Shortcuts for small programs: put and get by the queue's name, in the database that the environment names (see
/// <see cref="TpqClient.FromEnvironment"/>), which is read once, at the first use.
/// </summary>
public static class Queues
{
    static readonly Lazy<TpqClient> Client = new(() => TpqClient.FromEnvironment(), LazyThreadSafetyMode.PublicationOnly);

    /// <summary>Puts a message in a transaction of its own, as <see cref="TpqQueue.PutAsync(string, CancellationToken)"/> does.</summary>
    /// <param name="queue">The queue's name.</param>
    /// <param name="json">One JSON value.</param>
    /// <param name="cancellationToken">Looked at before the message is sent, never after.</param>
    /// <returns>The message's id.</returns>
    /// <exception cref="TpqConfigurationException">The environment names no database.</exception>
    /// <exception cref="TpqInvalidJsonException">It is not one JSON value.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    public static Task<long> PutAsync(string queue, string json, CancellationToken cancellationToken = default) =>
        Client.Value.Queue(queue).PutAsync(json, cancellationToken);

    /// <summary>Puts a message in a transaction of the caller's, as <see cref="TpqQueueTransaction.PutAsync(string, CancellationToken)"/> does.</summary>
    /// <param name="queue">The queue's name.</param>
    /// <param name="json">One JSON value.</param>
    /// <param name="transaction">The caller's transaction.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns>The message's id.</returns>
    /// <exception cref="TpqConfigurationException">The environment names no database.</exception>
    /// <exception cref="TpqInvalidJsonException">It is not one JSON value.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    public static Task<long> PutAsync(string queue, string json, NpgsqlTransaction transaction, CancellationToken cancellationToken = default) =>
        Client.Value.Queue(queue).In(transaction).PutAsync(json, cancellationToken);

    /// <summary>
    /// Takes a message and removes it before this call returns: at most once, for a process that dies with the text in its hand has lost it.
    /// Where that matters, use <see cref="TpqQueue.ConsumeAsync"/> or <see cref="TpqQueue.GetAsync"/>.
    /// </summary>
    /// <param name="queue">The queue's name.</param>
    /// <param name="wait">How long to wait for one: zero (default) not at all, <see cref="Timeout.InfiniteTimeSpan"/> for ever.</param>
    /// <param name="cancellationToken">Cancels the wait; not looked at once the removal is sent.</param>
    /// <returns>The message's JSON text; <see langword="null"/> when the queue was empty. (The JSON value null is the text <c>null</c>.)</returns>
    /// <exception cref="TpqConfigurationException">The environment names no database.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    public static async Task<string?> GetAsync(string queue, TimeSpan wait = default, CancellationToken cancellationToken = default)
    {
        TpqDelivery? delivery = await Client.Value.Queue(queue).GetAsync(wait, cancellationToken).ConfigureAwait(false);
        if (delivery is null)
            return null;
        await using var _ = delivery.ConfigureAwait(false);
        await delivery.CommitAsync(cancellationToken).ConfigureAwait(false);
        return delivery.Message.Json;
    }

    /// <summary>Takes a message in a transaction of the caller's, with whose commit it is removed. Does not wait.</summary>
    /// <param name="queue">The queue's name.</param>
    /// <param name="transaction">The caller's transaction.</param>
    /// <param name="cancellationToken">Cancels the look.</param>
    /// <returns>The message's JSON text; <see langword="null"/> when the queue was empty.</returns>
    /// <exception cref="TpqConfigurationException">The environment names no database.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    public static async Task<string?> GetAsync(string queue, NpgsqlTransaction transaction, CancellationToken cancellationToken = default) =>
        (await Client.Value.Queue(queue).In(transaction).GetAsync(default, cancellationToken).ConfigureAwait(false))?.Json;
}
